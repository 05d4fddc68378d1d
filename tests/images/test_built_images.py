"""The images themselves, run as the appliance's pods run them: read-only, without a right, without a network."""

import json
import subprocess
import tarfile

import pytest

from airgate_kit import names
from runtime_images import build_images
from tests.images.built import OUT, USUAL, WHEELS

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
LOCKED_IN = (
    *("--rm", "--runtime", "runc", "--network", "none", "--read-only", "--tmpfs", "/tmp"),
    *("--cap-drop", "all", "--security-opt", "no-new-privileges"),
    *("--ulimit", "nofile=20000:20000", "--ulimit", "nproc=30000:30000"),
)
OTHERS = ("airgate_plugin", "airgate_serving", "airgate_web", "airgate_gateway")
OWN = {
    "device-plugin": "airgate_plugin",
    "serving": "airgate_serving",
    "webapp": "airgate_web",
    "gateway": "airgate_gateway",
}
EVERY_NAME = pytest.mark.parametrize("name", USUAL)


def run_python(image: str, program: str) -> str:
    """Run a program with the image's Python, without an environment; return what it printed."""
    command = ["podman", "run", *LOCKED_IN, "--entrypoint", "python3", image, "-I", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def read_json(image: build_images.Built, member: str) -> dict:
    """Return one JSON file of an image's archive."""
    with tarfile.open(OUT / image.archive) as tar:
        return json.load(tar.extractfile(member))


@EVERY_NAME
def test_an_image_starts_its_product_on_a_read_only_root(built_images, name):
    """The command answers as the pod will run it."""
    command = ["podman", "run", *LOCKED_IN, built_images[name].reference, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage: airgate-" in done.stdout


@EVERY_NAME
def test_an_image_has_its_user_its_package_and_nobody_else_s(built_images, name):
    """One image, one product; a process without an environment finds the same packages."""
    program = (
        "import importlib.util as u, json, os;"
        f"print(json.dumps([os.getuid(), [n for n in {OTHERS!r} if u.find_spec(n)], bool(u.find_spec('airgate_kit'))]))"
    )
    user, packages, kit = json.loads(run_python(built_images[name].reference, program))
    assert user == (0 if name == "device-plugin" else names.UID)
    assert packages == [OWN[name]]
    assert kit


@EVERY_NAME
def test_an_image_carries_bytecode_that_needs_no_second_look(built_images, name):
    """A pod starts as fast the first time as the hundredth, though it may write nothing."""
    read = "int.from_bytes(pathlib.Path(m.__cached__).read_bytes()[4:8], 'little')"  # PEP 552: the second word
    program = f"import pathlib, {OWN[name]} as m; print({read})"
    assert run_python(built_images[name].reference, program).strip() == "1"


@EVERY_NAME
def test_images_share_the_layers_of_the_base(built_images, name):
    """The base is in the bundle, and on a node's disk, once."""

    def find_layers(image):
        digest = read_json(image, "index.json")["manifests"][0]["digest"].partition(":")[2]
        return [layer["digest"] for layer in read_json(image, f"blobs/sha256/{digest}")["layers"]]

    base, own = find_layers(built_images["base"]), find_layers(built_images[name])
    assert own[: len(base)] == base
    assert len(own) == len(base) + 2


def test_the_index_says_what_the_archives_hold(built_images):
    """Roles and charts take digests from images.json; the archive is what it says."""
    for entry in json.loads((OUT / "images.json").read_text()):
        archive = OUT / entry["archive"]
        assert entry["digest"] == build_images.read_digest(archive)
        assert entry["size"] == archive.stat().st_size
        assert entry["platform"] == "linux/amd64"
        assert entry["reference"] == f"airgate.local/{entry['name']}:{build_images.read_version()}"


def test_the_same_sources_make_the_same_digest_and_an_unchanged_image_is_not_built(built_images, base, tmp_path):
    """A release can be built again and compared; a second build costs a second."""
    again = build_images.build_images(base, tmp_path, WHEELS, ("gateway",))
    assert again[1].digest == built_images["gateway"].digest
    written = (tmp_path / again[1].archive).stat().st_mtime_ns
    assert build_images.build_images(base, tmp_path, WHEELS, ("gateway",)) == again
    assert (tmp_path / again[1].archive).stat().st_mtime_ns == written

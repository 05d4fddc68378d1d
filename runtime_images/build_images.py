#!/usr/bin/env python3
"""Builds the images: wheels are fetched on this machine, podman builds without a network, OCI archives come out.

    python3 runtime_images/build_images.py --base IMAGE [--out DIR] [--wheels DIR] [NAME ...]

In: the Dockerfiles of this repository, locks/*.txt and BASE (a glibc image with Python 3.11). Out: DIR/NAME.oci.tar and
DIR/images.json. An image whose Dockerfile, files, lock and base are what they were is not built again.
Exit codes: 0 built or nothing to do, 1 podman or pip failed, 2 a wrong argument.
"""

import argparse
import fcntl
import hashlib
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMES_FILE = "runtime_images/base/airgate_kit/names.py"
REGISTRY = "airgate.local"  # a name that resolves nowhere: these images are brought, never pulled
TIMESTAMP = "1767225600"  # of every file and layer, seconds since 1970: equal sources make equal digests
PIP_DOWNLOAD = (
    *("-q", "--disable-pip-version-check", "--require-hashes", "--no-deps", "--only-binary=:all:"),
    *("--python-version=3.11", "--implementation=cp", "--abi=cp311", "--abi=abi3", "--abi=none"),
    *(f"--platform=manylinux_2_{minor}_x86_64" for minor in range(34, 16, -1)),  # glibc 2.34 and what it can run
    *("--platform=manylinux2014_x86_64", "--platform=any"),
)
RECIPE_VERSION = "1"  # raise it when this program builds differently from the same files


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one image is made. lock: the extra whose wheels it holds; empty for none."""

    name: str
    dockerfile: str
    lock: str = ""


@dataclass(frozen=True, slots=True)
class Built:
    """One image in images.json. digest: of its manifest, "sha256:…"; size: bytes of its archive.

    key: of all that it was made from.
    """

    name: str
    reference: str
    digest: str
    size: int
    platform: str
    archive: str
    key: str


BASE = Recipe("base", "runtime_images/base/Dockerfile")
SERVING = ("serving", "serving-tensorflow", "serving-pytorch", "serving-onnx-gpu", "serving-tensorflow-gpu")
RECIPES = (
    Recipe("device-plugin", "plugin_src/Dockerfile", "plugin"),
    *(Recipe(name, "runtime_images/serving/Dockerfile", name) for name in SERVING),
    Recipe("webapp", "runtime_images/webapp/Dockerfile", "web"),
    Recipe("gateway", "runtime_images/gateway/Dockerfile", "gateway"),
)
NAMES = tuple(recipe.name for recipe in RECIPES)
FOR_NVIDIA = ("serving-onnx-gpu", "serving-tensorflow-gpu")  # built when asked for: gigabytes for sites with such cards
USUAL = tuple(name for name in NAMES if name not in FOR_NVIDIA)


class BuildError(Exception):
    """A sentence for the person who builds."""


def main() -> int:
    """Build what is asked for, print one line an image, and return the exit code."""
    options = read_options()
    try:
        for built in build_images(options.base, options.out, options.wheels, options.names or USUAL):
            print(f"{built.name:22} {built.digest} {built.size / 1e6:7.1f} MB  {built.archive}")
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Build Airgate's images with podman, without a network.")
    parser.add_argument("--base", required=True, help="image with Python 3.11, in podman's store or pullable")
    parser.add_argument("--out", type=Path, default=ROOT / "build/images", help="folder of the archives")
    parser.add_argument("--wheels", type=Path, default=Path.home() / ".cache/airgate/wheels", help="cache of wheels")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all but those for NVIDIA when none is given"
    )
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"there is no image {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    return options


def build_images(base: str, out: Path, wheels: Path, names: tuple[str, ...] = USUAL) -> list[Built]:
    """Build the base and the named images into `out`; return them, built now or before. BuildError when it fails."""
    out.mkdir(parents=True, exist_ok=True)
    with locked(out / ".lock"):
        builder = Builder(out, wheels)
        foundation = builder.build(BASE, base, find_layers(base))
        chosen = [recipe for recipe in RECIPES if recipe.name in names]
        return [foundation, *(builder.build(recipe, foundation.reference, foundation.key) for recipe in chosen)]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep a second build out of the same folder until this one is done."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Builder:
    """Builds into one folder and keeps its images.json."""

    def __init__(self, out: Path, wheels: Path) -> None:
        self.out = out
        self.wheels = wheels
        self.index = out / "images.json"
        self.known = read_index(self.index)

    def build(self, recipe: Recipe, base: str, base_key: str) -> Built:
        """Return the image: as it was when nothing changed, built anew else."""
        key = find_key(recipe, base_key)
        known = self.known.get(recipe.name)
        if known and known.key == key and (self.out / known.archive).exists() and is_stored(known.reference):
            return known
        reference = f"{REGISTRY}/{recipe.name}:{read_version()}"
        run_podman(recipe, base, reference, self.fetch(recipe))
        self.known[recipe.name] = built = self.save(recipe.name, reference, key)
        write_index(self.index, self.known)
        return built

    def fetch(self, recipe: Recipe) -> Path | None:
        """Return the folder with the recipe's wheels; None when it needs none."""
        return fetch_wheels(self.wheels, recipe.lock) if recipe.lock else None

    def save(self, name: str, reference: str, key: str) -> Built:
        """Write the archive, beside first, and say what is in it."""
        archive = self.out / f"{name}.oci.tar"
        fresh = archive.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        call("podman", "save", "-q", "--format", "oci-archive", "-o", str(fresh), reference)
        fresh.rename(archive)
        digest, size = read_digest(archive), archive.stat().st_size
        return Built(name, reference, digest, size, find_platform(reference), archive.name, key)


def find_key(recipe: Recipe, base_key: str) -> str:
    """Return a digest of all that decides what the image will hold."""
    digest = hashlib.sha256(f"{RECIPE_VERSION} {base_key} {read_version()}\n".encode())
    for path in [ROOT / recipe.dockerfile, *find_sources(recipe)]:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(ROOT)} {content}\n".encode())
    return digest.hexdigest()


def find_sources(recipe: Recipe) -> list[Path]:
    """Return the files that the Dockerfile copies out of this repository, sorted."""
    text = read_dockerfile(recipe)
    found: set[Path] = set()
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for source in line.split():
            path = ROOT / source
            found.update(filter(Path.is_file, path.rglob("*")) if path.is_dir() else [path])
    return sorted(path for path in found if "__pycache__" not in path.parts)


def read_dockerfile(recipe: Recipe) -> str:
    """Return the Dockerfile's text with the recipe's lock in it: several images may have one file."""
    return (ROOT / recipe.dockerfile).read_text().replace("${LOCK}", recipe.lock)


def run_podman(recipe: Recipe, base: str, reference: str, wheels: Path | None) -> None:
    """Build one image in podman's store."""
    context = ["--build-context", f"wheels={wheels}"] if wheels else []
    given = ["--build-arg", f"BASE={base}", "--build-arg", f"LOCK={recipe.lock}"]
    call("podman", "build", "-q", "--isolation", "chroot", "--pull=missing", "--timestamp", TIMESTAMP, *context, *given,
         "-t", reference, "-f", recipe.dockerfile, str(ROOT))  # fmt: skip


def fetch_wheels(cache: Path, lock: str) -> Path:
    """Return a folder with pip and the wheels of locks/LOCK.txt, named by their hash; fetches what is not there."""
    files = [ROOT / "locks" / f"{lock}.txt", ROOT / "runtime_images/base/pip.txt"]
    key = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    folder, fresh = cache / f"{lock}-{key}", cache / f"{lock}-{key}.part"
    if folder.exists():
        return folder
    fresh.mkdir(parents=True, exist_ok=True)
    requirements = [f"-r{file}" for file in files]
    call(sys.executable, "-m", "pip", "download", *PIP_DOWNLOAD, "-d", str(fresh), *requirements)
    return fresh.rename(folder)


def find_layers(image: str) -> str:
    """Return the digests of an image's layers: what it holds, whenever and wherever it was imported."""
    if not is_stored(image):
        call("podman", "pull", "-q", image)
    return call("podman", "image", "inspect", "--format", "{{json .RootFS.Layers}}", image).strip()


def find_platform(image: str) -> str:
    """Return "os/architecture"."""
    return call("podman", "image", "inspect", "--format", "{{.Os}}/{{.Architecture}}", image).strip()


def is_stored(image: str) -> bool:
    """Whether podman's store has the image."""
    return subprocess.run(["podman", "image", "exists", image], check=False).returncode == 0


def read_digest(archive: Path) -> str:
    """Return the manifest's digest out of an OCI archive of one image."""
    with tarfile.open(archive) as tar:
        index = tar.extractfile("index.json")
        assert index is not None, f"{archive} has no index.json"
        return str(json.load(index)["manifests"][0]["digest"])


def read_version() -> str:
    """Return the product's version."""
    found = re.search(r'^VERSION = "([^"]+)"', (ROOT / NAMES_FILE).read_text(), re.MULTILINE)
    assert found, f"{NAMES_FILE} names no VERSION"
    return found[1]


def read_index(path: Path) -> dict[str, Built]:
    """Return what was built before, by name."""
    if not path.exists():
        return {}
    return {entry["name"]: Built(**entry) for entry in json.loads(path.read_text())}


def write_index(path: Path, images: dict[str, Built]) -> None:
    """Write images.json, beside first."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps([asdict(image) for image in images.values()], indent=2) + "\n")
    fresh.rename(path)


def call(*command: str) -> str:
    """Run a command and return what it printed; BuildError with its last words when it fails."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise BuildError(f"{command[0]} is not installed; install it with: apt-get install {command[0]}") from None
    if done.returncode:
        raise BuildError(f"`{' '.join(command[:3])}` failed:\n{(done.stderr or done.stdout)[-2000:].strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())

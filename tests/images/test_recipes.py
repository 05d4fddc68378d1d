"""What can be said of the Dockerfiles and of the builder without building."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from airgate_kit import names
from runtime_images import build_images
from runtime_images.build_images import read_dockerfile

ROOT = Path(__file__).resolve().parents[2]
OWN = {
    "device-plugin": {"airgate_plugin", "airgate_protocols"},
    **{name: {"airgate_serving", "airgate_protocols"} for name in build_images.SERVING},
    "webapp": {"airgate_web", "airgate_protocols"},
    "gateway": {"airgate_gateway"},
}
EVERY_RECIPE = pytest.mark.parametrize("recipe", build_images.RECIPES, ids=lambda recipe: recipe.name)


@EVERY_RECIPE
def test_an_image_holds_its_own_packages_alone(recipe):
    """A hole in one product is no hole in another's image."""
    copied = set(re.findall(r"/opt/airgate/code/(\w+)$", read_dockerfile(recipe), re.MULTILINE))
    assert copied == OWN[recipe.name]


@EVERY_RECIPE
def test_an_image_takes_its_base_as_an_argument_and_no_other(recipe):
    """A site builds on the base that it trusts."""
    bases = re.findall(r"^FROM (\S+)", read_dockerfile(recipe), re.MULTILINE)
    assert bases == ["${BASE}", "${BASE}"]


@EVERY_RECIPE
def test_an_image_installs_locked_wheels_and_asks_no_index(recipe):
    """What is in an image is what the lock's hashes say, with no network while it is built."""
    text = read_dockerfile(recipe)
    assert "--no-index" in text
    assert "--require-hashes" in text
    assert f"locks/{recipe.lock}.txt" in text


@EVERY_RECIPE
def test_an_image_runs_as_the_appliance_s_user(recipe):
    """No container of ours is root, but the plugin's: the kubelet's folder belongs to root."""
    user = re.findall(r"^USER (\d+)", read_dockerfile(recipe), re.MULTILINE)[-1]
    assert int(user) == (0 if recipe.name == "device-plugin" else names.UID)


@pytest.mark.parametrize("lock", build_images.SERVING)
def test_a_lock_holds_one_onnx_runtime(lock):
    """Its build for cards is a module of the same name: with both, whichever came last would be half of each."""
    found = re.findall(r"^(onnxruntime[a-z-]*)==", (ROOT / f"locks/{lock}.txt").read_text(), re.MULTILINE)
    assert found == ["onnxruntime-gpu" if lock == "serving-onnx-gpu" else "onnxruntime"]


def test_every_lock_of_a_serving_image_is_a_source_of_that_image_alone():
    """Another version of TensorFlow costs nobody a build of PyTorch."""
    for recipe in build_images.RECIPES:
        locks = [path.name for path in build_images.find_sources(recipe) if path.parent.name == "locks"]
        assert locks == [f"{recipe.lock}.txt"]


def test_the_base_makes_the_appliance_s_user():
    """The user's number is the same in the vocabulary and in the image."""
    text = (ROOT / build_images.BASE.dockerfile).read_text()
    assert f"USER {names.UID}:{names.UID}" in text


@pytest.fixture
def copied_root(tmp_path, monkeypatch):
    """A copy of what the gateway's image is made from, which a test may change."""
    recipe = next(recipe for recipe in build_images.RECIPES if recipe.name == "gateway")
    for path in [ROOT / build_images.NAMES_FILE, ROOT / recipe.dockerfile, *build_images.find_sources(recipe)]:
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    monkeypatch.setattr(build_images, "ROOT", tmp_path)
    return tmp_path, recipe


@pytest.mark.parametrize(
    "path", ["runtime_images/gateway/Dockerfile", "locks/gateway.txt", "runtime_images/gateway/airgate_gateway/cli.py"]
)
def test_an_image_is_built_again_when_what_it_is_made_from_changes(copied_root, path):
    """Nobody runs yesterday's code under today's name."""
    root, recipe = copied_root
    before = build_images.find_key(recipe, "base")
    (root / path).write_text((root / path).read_text() + "\n# changed\n")
    assert build_images.find_key(recipe, "base") != before


def test_an_image_is_not_built_again_for_what_it_does_not_hold(copied_root):
    """Bytecode and other products' files cost nobody a build."""
    root, recipe = copied_root
    before = build_images.find_key(recipe, "base")
    leftover = root / "runtime_images/gateway/airgate_gateway/__pycache__/cli.cpython-311.pyc"
    leftover.parent.mkdir()
    leftover.write_bytes(b"left by a test run")
    assert build_images.find_key(recipe, "base") == before
    assert build_images.find_key(recipe, "another base") != before


def test_an_unknown_image_is_refused_with_the_names_there_are():
    """A slip of the pen is told at once."""
    command = [sys.executable, str(ROOT / "runtime_images/build_images.py"), "--base", "x", "plugin"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"there is no image plugin; there are device-plugin, {', '.join(build_images.SERVING)}, w" in done.stderr

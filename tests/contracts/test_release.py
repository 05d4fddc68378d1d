"""The release offers what the images hold: by default, and with the lines for each maker's cards put in."""

import re
from pathlib import Path

import pytest
import yaml

from airgate_kit import names
from airgate_web.config import read_runtime
from airgate_web.domain.idle_cards import has_provider
from runtime_images import build_images

ROOT = Path(__file__).resolve().parents[2]
RELEASE, README = ROOT / "inventory/release.yml", ROOT / "runtime_images/README.md"
GPU, QAIC = names.RESOURCE_GPU, names.RESOURCE_QAIC
QAIC_IMAGE = "serving-qaic"  # made by hand of a Platform SDK, not by build_images.py
MORE = {"NVIDIA": set(build_images.FOR_NVIDIA), "QUALCOMM": {QAIC_IMAGE}}
EVERY_CHOICE = pytest.mark.parametrize("makers", [(), ("NVIDIA",), ("QUALCOMM",), ("NVIDIA", "QUALCOMM")])


def read_release(makers) -> dict:
    """Return the release, with the lines for these makers' cards put in as the README says it."""
    text, commands = RELEASE.read_text(), README.read_text()
    for maker in makers:
        (mark,) = re.findall(rf"sed -i 's/(.*{maker}.*?)//' inventory/release.yml", commands)
        text = text.replace(mark, "")
    return yaml.safe_load(text)["airgate_release"]


def find_more(makers) -> set[str]:
    """Return the images that a choice of makers adds."""
    return set().union(*(MORE[maker] for maker in makers))


def find_runtimes(release: dict) -> dict[str, str]:
    """Return the image's name of each runtime by its slug."""
    images = release["apps"][0]["images"]
    found = {place.split(".")[-2]: image for place, image in images.items() if ".runtimes." in place}
    return {slug: image.partition("/")[2].partition(":")[0] for slug, image in found.items()}


def list_offered(release: dict) -> list[dict]:
    """Return the runtimes of a release."""
    return release["apps"][0]["values"]["airgate-runtimes"]["runtimes"]


@EVERY_CHOICE
def test_a_release_names_the_images_that_are_built(makers):
    """A bundle is made of what build_images.py leaves behind."""
    wanted = {*build_images.USUAL, *find_more(makers)}
    images = {one["name"]: one["from"] for one in read_release(makers)["images"]}
    assert set(images) == {f"{build_images.REGISTRY}/{name}:{names.VERSION}" for name in wanted}
    files = {source["file"] for source in images.values() if "file" in source}
    assert files == {f"build/images/{name}.oci.tar" for name in wanted - {QAIC_IMAGE}}


@EVERY_CHOICE
def test_each_runtime_has_an_image_of_its_own(makers):
    """What is not offered is not carried, and what is offered has an image."""
    release = read_release(makers)
    found = find_runtimes(release)
    assert set(found) == {one["slug"] for one in list_offered(release)}
    carried = {one["name"].partition("/")[2].partition(":")[0] for one in release["images"]}
    assert set(found.values()) == {name for name in carried if name.startswith("serving")}
    tested = [found[one["slug"]] for one in list_offered(release) if one.get("kind") != "worker"]
    assert sorted(tested) == sorted(set(found.values()))


def test_a_worker_has_the_image_of_an_environment_that_runs_the_same_formats():
    """What a test on the page could open, a job can run: a worker adds no image to the bundle."""
    release = read_release(())
    images, offered = find_runtimes(release), list_offered(release)
    (worker,) = (one for one in offered if one.get("kind") == "worker")
    (beside,) = (one for one in offered if images[one["slug"]] == images[worker["slug"]] and one is not worker)
    assert (worker["slug"], worker["name"]) == ("ai-worker-python-3-11", "AI worker with Python 3.11")
    assert worker["formats"] == beside["formats"]


def test_a_runtime_says_that_it_uses_a_card_where_its_image_can():
    """A card is warned of beside the image for the CPU, and not beside the one for cards."""
    release = read_release(("NVIDIA", "QUALCOMM"))
    images = find_runtimes(release)
    for entry in list_offered(release):
        runtime, name = read_runtime({"kind": "environment", "image": "", **entry}), images[entry["slug"]]
        lock = "" if name == QAIC_IMAGE else (ROOT / f"locks/{name}.txt").read_text()
        assert {has_provider(one, GPU, runtime.cards) for one in runtime.formats} == {"nvidia-cublas" in lock}, name
        assert {has_provider(one, QAIC, runtime.cards) for one in runtime.formats} == {name == QAIC_IMAGE}, name

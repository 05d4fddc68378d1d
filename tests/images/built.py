"""The images of this checkout, built on the tests' own base."""

from pathlib import Path

from runtime_images import build_images
from runtime_images.build_images import Built
from tests.cluster import find_artefacts

OUT = build_images.ROOT / "build/images"
LARGE = tuple(name for name in build_images.SERVING if name != "serving")  # minutes, gigabytes: the soak builds them
USUAL = tuple(name for name in build_images.NAMES if name not in LARGE)
WHEELS = Path.home() / ".cache/airgate/wheels"


def find_base() -> str:
    """Return the base that the tests build on: Debian 12 with Python 3.11, since no registry can be reached."""
    return find_artefacts().base_image


def find_built_images() -> dict[str, Built]:
    """Return every usual image by name, built now unless nothing changed since the last time."""
    return {image.name: image for image in build_images.build_images(find_base(), OUT, WHEELS, USUAL)}


def find_repository(image: Built) -> str:
    """Return an image's name without its tag."""
    return image.reference.rpartition(":")[0]

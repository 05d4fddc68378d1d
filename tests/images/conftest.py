"""The images, built once for all tests that look into them."""

from pathlib import Path

import pytest

from runtime_images import build_images
from tests.cluster import find_artefacts

OUT = build_images.ROOT / "build/images"
WHEELS = Path.home() / ".cache/airgate/wheels"


@pytest.fixture(scope="session")
def base():
    """The base that the tests build on: Debian 12 with Python 3.11, since no registry can be reached."""
    return find_artefacts().base_image


@pytest.fixture(scope="session")
def built_images(base):
    """Every image by name, built now unless nothing changed since the last time."""
    images = build_images.build_images(base, OUT, WHEELS)
    return {image.name: image for image in images}

"""The images, built once for all tests that look into them."""

from pathlib import Path

import pytest

from runtime_images import build_images
from tests.images.base_image import find_base_image

OUT = build_images.ROOT / "build/images"
WHEELS = Path.home() / ".cache/airgate/wheels"


@pytest.fixture(scope="session")
def built_images():
    """Every image by name, built now unless nothing changed since the last time."""
    images = build_images.build_images(find_base_image(), OUT, WHEELS)
    return {image.name: image for image in images}

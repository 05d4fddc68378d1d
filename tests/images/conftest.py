"""The images, built once for all tests that look into them."""

import pytest

from tests.images.built import find_base, find_built_images


@pytest.fixture(scope="session")
def base():
    """The base that the tests build on."""
    return find_base()


@pytest.fixture(scope="session")
def built_images():
    """Every image by name."""
    return find_built_images()

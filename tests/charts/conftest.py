"""Helm and the packed charts, once for all tests; a cluster with the images on it."""

from pathlib import Path

import pytest

from tests.charts import appliance
from tests.charts.charts import Helm
from tests.cluster import find_artefacts
from tests.images.built import find_built_images

CARDS = 4


@pytest.fixture(scope="session")
def helm(tmp_path_factory):
    """The real helm with the charts packed."""
    packed: Path = tmp_path_factory.mktemp("charts")
    helm = Helm(find_artefacts().helm, packed)
    helm.pack()
    return helm


@pytest.fixture(scope="session")
def images():
    """Every image by name."""
    return find_built_images()


@pytest.fixture(scope="package")
def cluster(images, suite_cluster):
    """The cluster with the images, simulated cards and the appliance's namespace, and nothing installed."""
    appliance.bring_images(suite_cluster, images)
    appliance.make_namespace(suite_cluster)
    appliance.simulate_cards(suite_cluster.control, "--cards", str(CARDS), "--device-files", "mknod")
    yield suite_cluster
    appliance.clear(suite_cluster)

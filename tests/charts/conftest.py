"""Helm and the packed charts, once for all tests; a cluster of their own with the images and the charts on it."""

from pathlib import Path

import pytest

from tests.charts import appliance
from tests.charts.charts import Helm
from tests.cluster import Cluster, find_artefacts
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


@pytest.fixture(scope="session")
def cluster(images):
    """A cluster with the images, simulated cards and the appliance's namespace, and nothing installed."""
    cluster = Cluster.start("airgate-charts")
    appliance.bring_images(cluster, images)
    appliance.make_namespace(cluster)
    appliance.simulate_cards(cluster.control, "--cards", str(CARDS), "--device-files", "mknod")
    yield cluster
    cluster.remove()

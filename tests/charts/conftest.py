"""Helm and the packed charts, once for all tests."""

from pathlib import Path

import pytest

from tests.charts.charts import Helm
from tests.cluster import find_artefacts


@pytest.fixture(scope="session")
def helm(tmp_path_factory):
    """The real helm with the charts packed."""
    packed: Path = tmp_path_factory.mktemp("charts")
    helm = Helm(find_artefacts().helm, packed)
    helm.pack()
    return helm

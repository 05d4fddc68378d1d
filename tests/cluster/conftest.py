"""One cluster for the tests of this room: they break it, so it is not the one that `up` leaves for others."""

from collections.abc import Iterator

import pytest

from tests.cluster import Cluster

NAME = "airgate-room"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster of one node with every addon, removed at the end."""
    started = Cluster.start_anew(NAME)
    yield started
    started.remove()

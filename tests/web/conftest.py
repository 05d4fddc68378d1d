"""A desk of fakes for every test of the web process."""

import pytest
from fastapi.testclient import TestClient

from airgate_web.app import build_app
from airgate_web.services.datasets import keep_dataset
from airgate_web.services.desk import Desk
from airgate_web.services.models import publish_model
from airgate_web.services.users import start_session
from tests.fakes.desk import make_desk
from tests.fakes.samples import NOON, make_observation, make_user
from tests.web.api import INTERNAL
from tests.web.scene import Scene


@pytest.fixture
def desk(tmp_path) -> Desk:
    """A desk with the user ada, the project qc and the default runtime."""
    return make_desk(tmp_path)


@pytest.fixture
def ada():
    """The admin who asks."""
    return make_user("ada")


@pytest.fixture
def stocked(desk, ada) -> Desk:
    """A desk with the model `digits` and the data set `iris`."""
    publish_model(desk, ada, "qc", "digits", "digits.onnx", iter([b"model"]))
    keep_dataset(desk, ada, "qc", "iris", "Iris.CSV", iter([b"width,colour,ripe\n5.1,red,yes\n4.9,green,no\n"]))
    return desk


@pytest.fixture
def scene() -> Scene:
    """A reconciler with all that it needs, of its own for each test."""
    return Scene()


@pytest.fixture
def anybody(desk):
    """A client that is not signed in."""
    with TestClient(build_app(desk, INTERNAL), base_url="http://airgate.test") as client:
        yield client


@pytest.fixture
def client(desk, anybody, ada):
    """A client that is signed in by Bearer token."""
    anybody.headers["Authorization"] = f"Bearer {start_session(desk, ada)}"
    desk.store.write_observation(make_observation(), NOON)
    return anybody

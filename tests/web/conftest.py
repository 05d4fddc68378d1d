"""A desk of fakes for every test of the web process."""

import pytest

from airgate_web.services.desk import Desk
from tests.fakes.desk import make_desk
from tests.fakes.samples import make_user


@pytest.fixture
def desk(tmp_path) -> Desk:
    """A desk with the user ada, the project qc and the default runtime."""
    return make_desk(tmp_path)


@pytest.fixture
def ada():
    """The admin who asks."""
    return make_user("ada")

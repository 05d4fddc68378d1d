"""What the form of a deployment offers, and what it begins with."""

import pytest

from airgate_web.domain.errors import NotFound
from airgate_web.domain.runtime import RuntimeKind
from airgate_web.domain.server import Server
from airgate_web.services.desk import Desk
from airgate_web.ui.deploy_choices import NO_MODEL, Choices, choose_name, choose_start, find_choices
from tests.fakes.samples import make_deployment, make_runtime, make_version

SERVER = Server(8000, "/health")


@pytest.fixture
def choices(desk: Desk) -> Choices:
    """A model in two versions, of which one is deployed under its name, and a server that needs none."""
    for _ in range(2):
        desk.store.add_version(make_version(model="live"))
    desk.store.add_deployment(make_deployment(name="live"))
    desk.store.put_runtime(make_runtime("words", kind=RuntimeKind.SERVER, server=SERVER, formats=()))
    return find_choices(desk, "qc")


def test_models_and_versions_are_offered_the_newest_first(choices: Choices) -> None:
    """And none at all, where a server brings its own."""
    assert choices.name_models() == {"live": "live", "": NO_MODEL}
    assert choices.name_versions("live") == {2: "v2 · newest", 1: "v1"}
    assert choices.name_versions("") == {}
    found = choices.find_version("live", 1)
    assert found and found.version == 1 and choices.find_version("live", 3) is None


def test_a_new_deployment_begins_with_the_newest_version_and_a_runtime_that_runs_it(choices: Choices) -> None:
    """Under a name that is free."""
    start = choose_start(choices, {"model": "live"})
    assert (start.name, start.model, start.version) == ("live-2", "live", 2)
    runtime = choices.find_runtime(start.runtime)
    assert runtime and "onnx" in runtime.formats
    assert choose_start(choices, {"model": "live", "version": "1"}).version == 1
    with pytest.raises(NotFound):
        choose_start(choices, {"model": "live", "version": "3"})


def test_a_server_begins_without_a_model(choices: Choices) -> None:
    """It brings its own."""
    start = choose_start(choices, {"runtime": "words"})
    assert (start.name, start.model, start.version, start.runtime) == ("words", "", None, "words")


def test_a_name_that_is_taken_gets_the_next_number() -> None:
    """As often as it takes."""
    assert choose_name("iris", ()) == "iris"
    assert choose_name("iris", {"iris", "iris-2"}) == "iris-3"

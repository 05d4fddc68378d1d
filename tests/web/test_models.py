"""Projects, and publishing models into them."""

import threading

import pytest

from airgate_web.domain.errors import BadModel, Conflict, Invalid, NotFound, TooLarge, Unavailable
from airgate_web.services.deployments import DeploymentWish, create_deployment
from airgate_web.services.models import (
    find_model,
    find_version,
    list_models,
    list_versions,
    publish_model,
    remove_model,
)
from airgate_web.services.projects import create_project, find_project, list_projects, remove_project
from airgate_web.services.runtimes import find_fitting_runtime, find_runtime
from airgate_web.services.trials import run_trial
from tests.fakes.desk import LIMIT
from tests.fakes.samples import SIGNATURE, make_runtime, make_version


def publish(desk, user, name="digits", body=b"model", filename="digits.onnx", route="qc"):
    """Publish a small model."""
    return publish_model(desk, user, route, name, filename, iter([body]))


def test_a_project_is_made_and_found(desk, ada):
    """A project is there as it was asked for, and noted."""
    project = create_project(desk, ada, "  Paint shop ", "paint", "Line 2\r\nhall B")
    assert find_project(desk, "paint") == project
    assert (project.name, project.description, project.created_by) == ("Paint shop", "Line 2\nhall B", "ada")
    assert [kept.route for kept in list_projects(desk)] == ["paint", "qc"]
    assert desk.store.list_audit()[0].subject == "project paint"


@pytest.mark.parametrize("route", ["Paint", "a/b", "", "-a", "ä", "x" * 41, "a b", "../etc"])
def test_a_route_that_cannot_stand_in_an_address_is_refused(desk, ada, route):
    """Capitals, slashes and the like get one sentence and leave nothing."""
    with pytest.raises(Invalid, match="Project route"):
        create_project(desk, ada, "Paint", route)
    assert [kept.route for kept in list_projects(desk)] == ["qc"]


@pytest.mark.parametrize("name", ["", "  ", "a\x00b", "x" * 81])
def test_a_name_that_cannot_be_shown_is_refused(desk, ada, name):
    """A name has something to read in it."""
    with pytest.raises(Invalid, match="Project name"):
        create_project(desk, ada, name, "paint")


def test_a_published_file_becomes_the_next_version(desk, ada):
    """A file dropped under a name is its next version, with the signature that was read."""
    first, second = publish(desk, ada), publish(desk, ada, body=b"model 2", filename="C:\\data\\d2.onnx")
    assert (first.version, second.version) == (1, 2)
    assert (second.format, second.signature, second.task, second.size) == ("onnx", SIGNATURE, "classification", 7)
    assert second.filename == "d2.onnx"
    assert list_versions(desk, "qc", "digits") == [second, first]
    assert find_version(desk, "qc", "digits") == second
    assert find_version(desk, "qc", "digits", "1") == first
    assert [model.versions for model in list_models(desk, "qc")] == [2]
    assert desk.blobs.list() == {first.digest, second.digest}


@pytest.mark.parametrize(
    ("change", "refusal", "said"),
    [
        ({"body": b""}, Invalid, "empty"),
        ({"body": b"junk"}, BadModel, "not a model"),
        ({"body": b"model" * LIMIT}, TooLarge, "limit"),
        ({"name": "Digits"}, Invalid, "Model name"),
        ({"name": "a/b"}, Invalid, "Model name"),
        ({"filename": "dir/"}, Invalid, "File name"),
        ({"route": "none"}, NotFound, "project"),
    ],
)
def test_a_refused_upload_gets_one_sentence_and_leaves_nothing(desk, ada, change, refusal, said):
    """Whatever is wrong with an upload, it is said once and no file and no version stays."""
    with pytest.raises(refusal, match=said):
        publish(desk, ada, **change)
    assert desk.blobs.list() == frozenset()
    assert list_models(desk, "qc") == []
    assert desk.meter.read() == {("upload", refusal.code): 1}


def test_no_tester_means_no_version(desk, ada):
    """A model that could not be looked at is not kept."""
    desk.tester.away = True
    with pytest.raises(Unavailable):
        publish(desk, ada)
    assert desk.blobs.list() == frozenset()


def test_a_refused_copy_does_not_take_the_kept_file_away(desk, ada):
    """The same file refused once does no harm to the version that has it."""
    kept = publish(desk, ada)
    desk.tester.away = True
    with pytest.raises(Unavailable):
        publish(desk, ada, name="copy")
    assert desk.blobs.list() == {kept.digest}


def test_a_refused_copy_does_not_take_the_file_of_an_upload_under_way_away(desk, ada):
    """Two people bring the same file at once, one is refused: the other's file stays."""
    inside, refused = threading.Event(), threading.Event()
    inspect = desk.tester.inspect

    def slow(runtime, digest, filename, override):
        if filename == "slow.onnx":
            inside.set()
            assert refused.wait(10)
            return inspect(runtime, digest, filename)
        raise BadModel("no")

    desk.tester.inspect = slow
    thread = threading.Thread(target=publish, args=(desk, ada), kwargs={"filename": "slow.onnx"})
    thread.start()
    assert inside.wait(10)
    with pytest.raises(BadModel):
        publish(desk, ada, name="other")
    refused.set()
    thread.join()
    assert desk.blobs.list() == {find_version(desk, "qc", "digits").digest}


def test_a_removed_model_takes_its_files_with_it(desk, ada):
    """Space comes back, except for files that another model still has."""
    publish(desk, ada)
    shared = publish(desk, ada, body=b"model shared")
    publish(desk, ada, name="other", body=b"model shared")
    remove_model(desk, ada, "qc", "digits")
    assert desk.blobs.list() == {shared.digest}
    with pytest.raises(NotFound, match="digits"):
        find_model(desk, "qc", "digits")


def test_a_model_in_use_is_not_removed(desk, ada):
    """The refusal names the deployment."""
    publish(desk, ada)
    create_deployment(desk, ada, "qc", "live", DeploymentWish("digits"))
    with pytest.raises(Conflict, match="'live'"):
        remove_model(desk, ada, "qc", "digits")
    with pytest.raises(Conflict, match="'live'"):
        remove_project(desk, ada, "qc")
    assert find_model(desk, "qc", "digits").versions == 1


def test_a_project_goes_with_its_models(desk, ada):
    """An unused project can be removed in one step."""
    publish(desk, ada)
    remove_project(desk, ada, "qc")
    with pytest.raises(NotFound):
        list_models(desk, "qc")


@pytest.mark.parametrize("version", ["3", "0", "-1", "v1", "latest "])
def test_an_unknown_version_says_which_there_are(desk, ada, version):
    """A typing error in a version is explained."""
    publish(desk, ada)
    with pytest.raises(NotFound, match="no version"):
        find_version(desk, "qc", "digits", version)


def test_a_trial_calls_the_version_once(desk, ada):
    """Testing runs what was chosen, with what was filled in, and says how it went."""
    publish(desk, ada)
    publish(desk, ada, body=b"model 2")
    run = run_trial(desk, ada, "qc", "digits", 1, {"X": [1]})
    assert (run.ok, run.result, run.device) == (True, {"args": {"X": [1]}}, "CPU")
    assert desk.tester.calls[-1] == ("test", "ai-environment-python-3-11", 1, "predict", {"X": [1]})
    assert not run_trial(desk, ada, "qc", "digits", args="bad").ok
    assert desk.meter.read()["trial", "ok"] == 2


def test_a_runtime_must_know_the_format(desk, ada):
    """A model is never sent to a runtime that cannot run it."""
    desk.store.put_runtime(make_runtime("a-java", name="A Java", formats=("pmml",)))
    assert find_fitting_runtime(desk, make_version()).slug == "ai-environment-python-3-11"
    with pytest.raises(Invalid, match="cannot run the format onnx") as refusal:
        find_fitting_runtime(desk, make_version(), "a-java")
    assert "AI environment with Python 3.11" in refusal.value.hint
    with pytest.raises(Invalid, match="pmml"):
        find_fitting_runtime(desk, make_version(format="qpc"))
    with pytest.raises(Invalid, match="'a-java'"):
        find_runtime(desk, "none")

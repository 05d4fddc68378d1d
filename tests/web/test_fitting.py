"""Files that need newer libraries than a runtime has: told before anything is deployed, with the runtime that fits."""

import dataclasses

import pytest

from airgate_web.domain.errors import BadModel, Invalid
from airgate_web.ports import Fit
from airgate_web.services.deployments import DeploymentWish, create_deployment
from airgate_web.services.models import publish_model
from tests.fakes.samples import NOON, make_observation, make_runtime

OLD = "The file was saved by scikit-learn 2.1.0; this runtime has 1.9.1, a major version older."
FREEZE = "Make one with airgate-serve freeze."


@pytest.fixture
def desk(desk, ada):
    """A desk with one model, a runtime that is too old for it, and one that is not."""
    publish_model(desk, ada, "qc", "digits", "digits.onnx", iter([b"model"]))
    desk.store.write_observation(make_observation(), NOON)
    for slug in ("old", "new"):
        desk.store.put_runtime(make_runtime(slug, name=f"{slug.title()} Python"))
    desk.tester.fits["old"] = Fit(OLD, FREEZE, {"scikit-learn": "1.9.1"})
    return desk


def test_a_deployment_in_a_runtime_that_is_too_old_is_refused_and_one_that_fits_is_named(desk, ada):
    """No pod is started that could only crash."""
    with pytest.raises(Invalid) as caught:
        create_deployment(desk, ada, "qc", "live", DeploymentWish("digits", runtime="old"))
    assert caught.value.sentence == f"The runtime 'Old Python' is too old: {OLD}"
    assert "'New Python'" in caught.value.hint and "'Old Python'" not in caught.value.hint
    assert create_deployment(desk, ada, "qc", "live", DeploymentWish("digits", runtime="new")).runtime == "new"


def test_where_no_runtime_fits_the_way_to_make_one_is_named(desk, ada):
    """The runtime's own hint stands."""
    for runtime in desk.store.list_runtimes():
        desk.tester.fits[runtime.slug] = Fit(OLD, FREEZE)
    with pytest.raises(Invalid) as caught:
        create_deployment(desk, ada, "qc", "live", DeploymentWish("digits", runtime="old"))
    assert caught.value.hint == FREEZE


def test_a_further_model_is_judged_like_the_first(desk, ada):
    """Several models in one deployment share the runtime."""
    publish_model(desk, ada, "qc", "plain", "plain.onnx", iter([b"model 2"]))
    version = desk.store.find_model("qc", "plain").latest
    desk.store.add_version(dataclasses.replace(version, libraries={}))
    with pytest.raises(Invalid, match="too old"):
        create_deployment(desk, ada, "qc", "live", DeploymentWish("plain", runtime="old", others=["digits"]))


def test_a_tester_that_is_away_holds_no_deployment_up(desk, ada):
    """What cannot be asked is found out when the model is opened."""
    desk.tester.away = True
    assert create_deployment(desk, ada, "qc", "live", DeploymentWish("digits", runtime="old")).runtime == "old"


def test_an_upload_that_a_runtime_cannot_read_names_the_one_that_can(desk, ada, monkeypatch):
    """The refusal of the file says what it needs, and the others are asked."""

    def refuse(runtime, digest, filename):
        raise BadModel(OLD, FREEZE, {"scikit-learn": "2.1.0"})

    monkeypatch.setattr(desk.tester, "inspect", refuse)
    desk.tester.fits["new"] = Fit(here={"scikit-learn": "2.1.3"})
    for runtime in desk.store.list_runtimes():
        desk.tester.fits.setdefault(runtime.slug, Fit(here={"scikit-learn": ""}))
    with pytest.raises(BadModel) as caught:
        publish_model(desk, ada, "qc", "trees", "trees.pkl", iter([b"junk"]))
    assert caught.value.sentence == OLD
    assert caught.value.hint == "Choose the runtime 'New Python', which has what the file needs."

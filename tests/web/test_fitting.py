"""Files that need newer libraries than a runtime has: told before anything is deployed, with the runtime that fits."""

import dataclasses

import pytest

from airgate_web.domain.errors import BadModel, Invalid
from airgate_web.ports import Fit
from airgate_web.services.deployments import DeploymentWish, create_deployment, read_wish
from airgate_web.services.fitting import judge_deployment, judge_version
from airgate_web.services.judgements import KEPT_S
from airgate_web.services.models import publish_model
from airgate_web.services.runtimes import DEFAULT_SLUG
from tests.fakes.samples import NOON, make_observation, make_runtime

OLD = "The file was saved by scikit-learn 2.1.0; this runtime has 1.9.1, a major version older."
FREEZE = "Make one with airgate-serve freeze."
ADVICE = "Compare the answers."
WARNING = f"The file was made with ONNX 1.19; this runtime has 1.18, which is older. {ADVICE}"


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


def warn(desk, slug):
    """Have a runtime warn of the file's version."""
    desk.tester.fits[slug] = Fit(here={"onnx": "1.18"}, warnings=(WARNING,))


def test_a_version_names_the_runtime_that_warns_why_and_the_one_that_does_not(desk):
    """Before anything is tested; a runtime that would refuse the file says so there too."""
    for runtime in desk.store.list_runtimes():
        warn(desk, runtime.slug)
    del desk.tester.fits["new"]
    desk.tester.fits["old"] = Fit(OLD, FREEZE)
    first, last = judge_version(desk, desk.store.find_model("qc", "digits").latest)
    assert (first.runtime.name, first.model) == ("AI environment with Python 3.11", "digits")
    assert first.sentence == "The file was made with ONNX 1.19; this runtime has 1.18, which is older."
    assert first.hint == f"{ADVICE} The runtime 'New Python' has what the file was made with."
    assert (last.runtime.name, last.sentence) == ("Old Python", OLD)
    assert last.hint.startswith("Choose the runtime") and "'New Python'" in last.hint


def test_a_wish_carries_what_its_runtime_warns_of_and_is_not_refused(desk, ada):
    """For each of its models, before and after it is deployed."""
    publish_model(desk, ada, "qc", "other", "other.onnx", iter([b"model 2"]))
    for slug in ("old", "new", DEFAULT_SLUG):
        warn(desk, slug)
    wish = DeploymentWish("digits", runtime="new", others=["other"])
    expected = [("digits", ADVICE), ("other", ADVICE)]
    assert [(one.model, one.hint) for one in read_wish(desk, "qc", wish).cautions] == expected
    kept = create_deployment(desk, ada, "qc", "live", wish)
    assert [(one.model, one.hint) for one in judge_deployment(desk, kept)] == expected


def test_a_runtime_that_does_not_answer_warns_of_nothing(desk):
    """A page is not held up by it."""
    desk.tester.away = True
    assert judge_version(desk, desk.store.find_model("qc", "digits").latest) == ()


def test_a_runtime_is_asked_once_for_a_moment_and_then_anew(desk, monkeypatch):
    """Pages ask at every change; a runtime that was exchanged is noticed all the same."""
    asked = []
    monkeypatch.setattr(desk.tester, "judge", lambda runtime, versions: asked.append(runtime) or Fit())
    version = desk.store.find_model("qc", "digits").latest
    for _ in range(3):
        judge_version(desk, version)
    assert len(asked) == len(set(asked)) == 3
    desk.clock.sleep(KEPT_S)
    judge_version(desk, version)
    assert len(asked) == 6


def test_a_tester_that_is_away_holds_no_deployment_up(desk, ada):
    """What cannot be asked is found out when the model is opened."""
    desk.tester.away = True
    assert create_deployment(desk, ada, "qc", "live", DeploymentWish("digits", runtime="old")).runtime == "old"


def test_an_upload_that_a_runtime_cannot_read_names_the_one_that_can(desk, ada, monkeypatch):
    """The refusal of the file says what it needs, and the others are asked."""

    def refuse(runtime, digest, filename, override):
        raise BadModel(OLD, FREEZE, {"scikit-learn": "2.1.0"})

    monkeypatch.setattr(desk.tester, "inspect", refuse)
    desk.tester.fits["new"] = Fit(here={"scikit-learn": "2.1.3"})
    for runtime in desk.store.list_runtimes():
        desk.tester.fits.setdefault(runtime.slug, Fit(here={"scikit-learn": ""}))
    with pytest.raises(BadModel) as caught:
        publish_model(desk, ada, "qc", "trees", "trees.pkl", iter([b"junk"]), runtime=DEFAULT_SLUG)
    assert caught.value.sentence == OLD
    assert caught.value.hint == "Choose the runtime 'New Python', which has what the file needs."


def test_an_upload_for_no_runtime_in_particular_is_read_by_the_one_that_can(desk, ada, monkeypatch):
    """A model of Keras finds the runtime with TensorFlow by itself, and is tested and deployed there."""
    inspect, asked = desk.tester.inspect, []

    def refuse(runtime, digest, filename, override):
        asked.append(runtime)
        if runtime != "new":
            raise BadModel("The file is a Keras model; this runtime has no Keras.", "Choose another.", {"keras": ""})
        return dataclasses.replace(inspect(runtime, digest, "m.onnx", override), format="keras")

    monkeypatch.setattr(desk.tester, "inspect", refuse)
    desk.store.put_runtime(make_runtime("new", name="New Python", formats=("keras", "tensorflow")))
    desk.tester.fits["new"] = Fit(here={"keras": "3.15.1"})
    for runtime in desk.store.list_runtimes():
        desk.tester.fits.setdefault(runtime.slug, Fit(here={"keras": ""}))
    made = publish_model(desk, ada, "qc", "flowers", "flowers.keras", iter([b"model of flowers"]))
    assert (made.format, asked) == ("keras", [DEFAULT_SLUG, "new"])
    assert create_deployment(desk, ada, "qc", "flowers", DeploymentWish("flowers")).runtime == "new"

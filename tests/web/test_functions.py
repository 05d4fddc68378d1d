"""Functions of a model beside predict: which there are, which is meant, and how each is tested."""

import pytest
from fastapi.testclient import TestClient

from airgate_web.app import build_app
from airgate_web.domain.errors import NotFound
from airgate_web.domain.functions import (
    choose_function,
    explain_functions,
    find_function,
    list_functions,
    make_path,
)
from airgate_web.domain.model import Signature
from airgate_web.services.trials import run_trial
from airgate_web.services.users import start_session
from tests.fakes.samples import SCRIPT, SIGNATURE, TOWERS, make_runtime, make_version

VERSIONS = "/api/v2/projects/qc/models/{}/versions/1"
SAMPLE = {"line": 3}


@pytest.fixture
def client(desk, ada):
    """A script that is signed in, where a plain model, a script and a model without predict are kept."""
    desk.store.put_runtime(make_runtime(formats=("onnx", "script", "tensorflow")))
    desk.store.add_version(make_version(model="digits"))
    desk.store.add_version(make_version(model="rules", format="script", signature=SCRIPT, sample=SAMPLE))
    desk.store.add_version(make_version(model="towers", format="tensorflow", signature=TOWERS))
    with TestClient(build_app(desk, "internal"), base_url="http://airgate.test") as client:
        client.headers["Authorization"] = f"Bearer {start_session(desk, ada)}"
        yield client


@pytest.mark.parametrize(
    ("signature", "functions"),
    [
        (SIGNATURE, ("predict",)),
        (Signature((), ()), ("predict",)),
        (SCRIPT, ("predict", "explain", "count")),
        (TOWERS, ("encode item", "encode_user")),
    ],
)
def test_predict_is_meant_where_there_is_one_else_the_first(signature, functions):
    """Whoever names no function is not left with one that does not answer."""
    assert list_functions(signature) == functions
    assert choose_function(signature) == functions[0]


def test_each_function_has_its_own_inputs_and_predict_alone_the_example():
    """A script's SAMPLE is for its predict; the inputs of a signature are those of that one."""
    assert find_function(SCRIPT, SAMPLE, "predict") == (Signature((), ()), SAMPLE)
    assert find_function(SCRIPT, SAMPLE, "explain") == (Signature((), ()), None)
    signature, sample = find_function(TOWERS, None, "encode_user")
    assert ([spec.name for spec in signature.inputs], sample) == (["user"], None)
    for name in ("predict", "encode"):
        with pytest.raises(NotFound, match=name) as refusal:
            find_function(TOWERS, None, name)
        assert refusal.value.hint == "It has encode item, encode_user."


def test_a_missing_predict_is_explained_with_the_address_to_call():
    """What cannot stand in an address is written as it has to be sent."""
    assert explain_functions(SIGNATURE) == explain_functions(SCRIPT) == ""
    assert "POST …/encode%20item does" in explain_functions(TOWERS)
    assert make_path("a/b c") == "a/b%20c"


def test_a_test_calls_the_function_that_was_chosen(desk, ada, client):
    """The audit says which, unless it was predict."""
    run_trial(desk, ada, "qc", "rules")
    run_trial(desk, ada, "qc", "rules", args=7, function="explain")
    run_trial(desk, ada, "qc", "towers")
    called = [call[3] for call in desk.tester.calls if call[0] == "test"]
    assert called == ["predict", "explain", "encode item"]
    told = [entry.detail for entry in desk.store.list_audit() if entry.deed == "test"]
    assert told == ["version 1, encode item, ok", "version 1, explain, ok", "version 1, ok"]


def test_a_script_finds_the_functions_and_a_body_for_each(client):
    """The version says what there is, and each sample can be sent as it is to the test and to that function."""
    shown = client.get(VERSIONS.format("towers")).json()["signature"]
    assert shown["has_predict"] is False
    assert [one["name"] for one in shown["further"]] == ["encode item", "encode_user"]
    assert shown["further"][1]["inputs"][0]["name"] == "user"
    sample = client.get(VERSIONS.format("towers") + "/sample").json()
    assert sample == {"function": "encode item", "predict": {"args": {"X": [{"item": 7}]}}, "infer": {}}
    sample = client.get(VERSIONS.format("towers") + "/sample", params={"function": "encode_user"}).json()
    assert sample["predict"] == {"args": {"X": [{"user": "ada"}]}}
    body = {"args": sample["predict"]["args"], "function": sample["function"]}
    run = client.post(VERSIONS.format("towers") + "/test", json=body).json()
    assert run["ok"] and run["result"] == sample["predict"]


def test_predict_is_asked_as_ever_where_no_function_is_named(client):
    """Scripts that were written before there were functions go on."""
    sample = client.get(VERSIONS.format("rules") + "/sample").json()
    assert (sample["function"], sample["predict"]) == ("predict", {"args": SAMPLE})
    sample = client.get(VERSIONS.format("digits") + "/sample").json()
    assert [tensor["name"] for tensor in sample["infer"]["inputs"]] == ["width", "colour"]
    assert client.post(VERSIONS.format("rules") + "/test", json={"args": 1}).json()["ok"]


def test_a_function_that_is_not_there_is_answered_with_those_that_are(client):
    """By the sample as a refusal, by the test as an answer of the model."""
    answer = client.get(VERSIONS.format("rules") + "/sample", params={"function": "fit"})
    assert (answer.status_code, answer.json()["hint"]) == (404, "It has predict, explain, count.")
    run = client.post(VERSIONS.format("rules") + "/test", json={"function": "fit"}).json()
    assert (run["ok"], run["hint"]) == (False, "It has predict, explain, count.")

"""Deployments that are more than one uploaded model, in a trial: servers of others, folders, several models."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import httpx
import pytest

from airgate_kit.manifest import NAME
from tests.gateway.rig import wait_until
from tests.kit.trial import IRIS, Trial

pytestmark = [pytest.mark.trial, pytest.mark.timeout(400)]

LONGER_THAN_ENVOYS_OWN_S = 16


@pytest.fixture(scope="module")
def trial(shared_trial: Trial) -> Trial:
    """A trial that offers the servers WORDS and FOLDERS."""
    return shared_trial


@pytest.fixture(scope="module")
def token(trial: Trial) -> str:
    """A deployment `words` of the server with a card, ready behind the gateway, and its token."""
    wish = {"accelerators": 1, "resource": "qualcomm.com/qaic", "arguments": "--name 'my words'", "timeout": 300}
    trial.appliance.deploy("samples", "words", runtime="words", **wish)
    trial.appliance.wait_until_ready("samples", "words")
    made = trial.appliance.make_token("samples", "words")
    assert think(trial, made).status_code == 200
    return made


def think(trial: Trial, token: str, seconds: float = 0) -> httpx.Response:
    """Have the server answer after so many seconds."""
    return trial.appliance.predict("samples", "words", token, {}, f"v1/think?seconds={seconds}")


def test_it_is_deployed_without_a_model_beside_the_usual_runtime(trial: Trial, token: str) -> None:
    """What was asked for is shown; the card is held by it, and named to it."""
    assert token
    shown = trial.appliance.find_deployment("samples", "words")
    assert (shown["model"], shown["runtime"], shown["arguments"]) == (None, "words", ["--name", "my words"])
    assert shown["path"] == "/api/v1/svc/samples/words"
    assert len(shown["running"][0]["devices"]) == 1
    assert think(trial, token).json()["cards"]
    kinds = {each["slug"]: each["kind"] for each in trial.appliance.send("GET", "/runtimes")}
    usual = {"ai-environment-python-3-11": "environment", "ai-worker-python-3-11": "worker"}
    assert kinds == {"folders": "server", "words": "server", **usual}


def test_words_arrive_while_the_last_one_is_not_made_yet(trial: Trial, token: str) -> None:
    """Server-sent events pass as they come."""
    address = f"{trial.appliance.url}/api/v1/svc/samples/words/v1/completions"
    headers = {"authorization": f"Bearer {token}"}
    body = {"prompt": "so many words"}
    with httpx.stream("POST", address, json=body, headers=headers, trust_env=False, timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = (line for line in answer.iter_lines() if line)
        assert [next(lines), next(lines)] == ['data: {"text": "so"}', 'data: {"text": "many"}']
        assert trial.appliance.predict("samples", "words", token, {}, "v1/release").status_code == 200
        assert list(lines) == ['data: {"text": "words"}', "data: [DONE]"]


def test_nobody_calls_it_without_its_token(trial: Trial, token: str) -> None:
    """401 without one; neither token nor gate secret reaches the server, which could not compare it."""
    assert think(trial, "").status_code == 401
    assert not {"authorization", "x-airgate-gate"} & think(trial, token).json()["headers"].keys()


def test_its_metrics_come_through_the_same_door(trial: Trial, token: str) -> None:
    """Prometheus sends the token as a program does."""
    address = f"{trial.appliance.url}/api/v1/svc/samples/words/metrics"
    answer = httpx.get(address, headers={"authorization": f"Bearer {token}"}, trust_env=False)
    assert answer.text == "words_total 1\n"


def test_a_long_answer_passes_within_its_timeout_and_is_refused_in_words_past_it(trial: Trial, token: str) -> None:
    """More than Envoy's own 15 s passes; with a timeout of 1 s there is a 504, and no replica was replaced for it."""
    assert think(trial, token, LONGER_THAN_ENVOYS_OWN_S).status_code == 200
    before = trial.appliance.find_deployment("samples", "words")
    wish = {"runtime": "words", "accelerators": 1, "resource": "qualcomm.com/qaic", "arguments": ["--name", "my words"]}
    trial.appliance.send("PUT", "/projects/samples/deployments/words", {**wish, "timeout": 1})
    wait_until("the gateway has heard of it", lambda: think(trial, token, 5).status_code == 504, 60)
    refused = think(trial, token, 5).json()
    assert refused["code"] == "timeout"
    assert "longer timeout" in refused["hint"]
    after = trial.appliance.wait_until_ready("samples", "words")
    assert [each["name"] for each in after["running"]] == [each["name"] for each in before["running"]]


def test_a_folder_is_registered_where_it_lies_and_served_by_a_server(trial: Trial) -> None:
    """Only its path and its manifest's digest are sent; what is missing later is said before anything starts."""
    folder = trial.home.parent / "disk" / "llama"
    folder.mkdir()
    for name in ("one.safetensors", "two.safetensors"):
        (folder / name).write_bytes(b"0" * 1000)
    program = Path(sys.executable).with_name("airgate-serve")
    done = subprocess.run([program, "manifest", folder], capture_output=True, text=True, check=True)
    body = {"name": "llama", "path": str(folder), "digest": done.stdout.strip()}
    made = trial.appliance.send("POST", "/projects/samples/registrations", body)
    assert (made["format"], made["size"], made["path"]) == ("directory", 2000, str(folder))
    trial.appliance.deploy("samples", "llama", model="llama")
    ready = trial.appliance.wait_until_ready("samples", "llama")
    assert (ready["runtime"], ready["model"]["digest"]) == ("folders", body["digest"])
    token = trial.appliance.make_token("samples", "llama")
    ask = partial(trial.appliance.predict, "samples", "llama", token, {}, "v1/think?seconds=0")
    assert ask().status_code == 200
    assert ask().json()["model"] == [NAME, "one.safetensors", "two.safetensors"]
    (folder / "two.safetensors").unlink()
    with pytest.raises(AssertionError, match=r"two\.safetensors is missing"):
        trial.appliance.deploy("samples", "again", model="llama")


def test_two_models_share_one_card_and_are_called_by_their_names(trial: Trial) -> None:
    """Records and tensors of each, with one token; the card is held once."""
    wish = {"accelerators": 1, "resource": "qualcomm.com/qaic", "others": [{"model": "digits"}]}
    trial.appliance.deploy("samples", "pair", model="iris", **wish)
    ready = trial.appliance.wait_until_ready("samples", "pair")
    assert [model["name"] for model in ready["others"]] == ["digits"]
    assert len(ready["running"][0]["devices"]) == 1
    token = trial.appliance.make_token("samples", "pair")
    call = partial(trial.appliance.predict, "samples", "pair", token)
    wait_until("the gateway has heard of it", lambda: trial.predict_iris("pair", token) == 200)
    assert call({"args": {"X": [IRIS]}}, "models/iris/predict").json()["result"][0]["PredictedValue"] == "setosa"
    path = "/projects/samples/models/digits/versions/latest/sample"
    sample = trial.appliance.send("GET", path)
    answer = call(sample["predict"], "models/digits/predict")
    assert answer.status_code == 200
    assert answer.headers["x-airgate-model-digest"] == ready["others"][0]["digest"]
    assert call(sample["infer"], "v2/models/digits/infer").json()["model_name"] == "digits"

"""The whole appliance as `make trial` starts it: real processes, real Envoy, simulated cards.

One trial for the whole file, in a home of its own; the tests follow each other as a person's afternoon would.
"""

import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.rig import wait_until
from tests.kit.trial import IRIS, Trial, call_iris, run_trial

pytestmark = [pytest.mark.trial, pytest.mark.timeout(400)]

SEED = 20261123
CARD = {"accelerators": 1, "resource": "qualcomm.com/qaic"}


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """A trial with four simulated cards, and a person signed in as admin."""
    with run_trial(tmp_path_factory.mktemp("t") / "home", cards=4) as running:
        yield running


@pytest.fixture(scope="module")
def steady(trial: Trial) -> str:
    """A deployment `steady` of `iris` without a card, and its token."""
    trial.appliance.deploy("samples", "steady", model="iris")
    trial.appliance.wait_until_ready("samples", "steady")
    token = trial.appliance.make_token("samples", "steady")
    assert trial.predict_iris("steady", token) == 200
    return token


def test_it_says_where_it_answers_and_where_the_password_is(trial: Trial) -> None:
    """Address, user and a password that only its owner can read."""
    assert f"http://127.0.0.1:{trial.port}" in trial.printed
    assert f"in {trial.home}/first-password" in trial.printed
    assert (trial.home / "first-password").stat().st_mode & 0o777 == 0o600


def test_the_sample_project_is_there_to_click_on(trial: Trial) -> None:
    """Two trained models with their signatures, and a data set."""
    models = {model["name"]: model["latest"] for model in trial.appliance.send("GET", "/projects/samples/models")}
    assert set(models) == {"digits", "iris"}
    assert models["digits"]["format"] == "onnx"
    assert [tensor["name"] for tensor in models["iris"]["signature"]["inputs"]] == list(IRIS)
    assert [data["name"] for data in trial.appliance.send("GET", "/projects/samples/datasets")] == ["iris"]


def test_a_model_is_tested_without_being_deployed(trial: Trial) -> None:
    """Result, what was printed, and the device; a sample comes with the signature."""
    path = "/projects/samples/models/digits/versions/latest"
    sample = trial.appliance.send("GET", f"{path}/sample")
    answer = trial.appliance.send("POST", f"{path}/test", {"args": sample["predict"]["args"]})
    assert answer["ok"]
    assert answer["result"]
    assert answer["device"] == "CPU"
    assert "ONNX Runtime device: CPU" in answer["stdout"]


def test_a_model_is_deployed_with_a_card_and_called(trial: Trial) -> None:
    """Deploy with one whole card, token, predict; it says that the card is held but not used."""
    trial.appliance.deploy("samples", "iris-live", model="iris", **CARD)
    ready = trial.appliance.wait_until_ready("samples", "iris-live")
    assert len(ready["running"][0]["devices"]) == 1
    assert "CPU" in ready["notice"]
    token = trial.appliance.make_token("samples", "iris-live")
    answer = trial.appliance.predict("samples", "iris-live", token, {"args": {"X": [IRIS]}})
    assert answer.json()["result"][0]["PredictedValue"] == "setosa"
    assert answer.headers["x-airgate-model-digest"] == ready["model"]["digest"]
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("number", range(5))
def test_the_very_first_request_after_ready_is_answered(trial: Trial, number: int) -> None:
    """Ready means that the gateway answers: for a new deployment, and for a new replica of one that is changed."""
    name, appliance = f"first-{number}", trial.appliance
    appliance.deploy("samples", name, model="iris")
    token = appliance.make_token("samples", name)
    appliance.wait_until_ready("samples", name)
    assert trial.predict_iris(name, token) == 200
    appliance.change("samples", name, model="iris", memory=1.5)
    appliance.wait_for("samples", name, lambda found: is_renewed(found, 2))
    assert trial.predict_iris(name, token) == 200
    appliance.remove_deployment("samples", name)


def is_renewed(found: dict[str, Any], generation: int) -> bool:
    """Return whether a change is Ready and nothing of what was before it runs on."""
    return (found["state"], found["generation"], len(found["running"])) == ("Ready", generation, 1)


def test_a_gateway_that_says_nothing_is_named(trial: Trial, steady: str) -> None:
    """Nobody waits for a deployment without being told what it waits for; what was Ready stays so."""
    appliance = trial.appliance
    with trial.stopped("agent"):
        appliance.deploy("samples", "unheard", model="digits")
        waiting = appliance.wait_for("samples", "unheard", lambda found: "has not reported for" in found["sentence"])
        assert waiting["state"] == "Starting"
        assert [replica["state"] for replica in waiting["running"]] == ["Ready"]
        known = appliance.find_deployment("samples", "steady")
        assert known["state"] == "Ready"
        assert "airgate-gateway" in known["notice"]
        assert trial.predict_iris("steady", steady) == 200
    appliance.wait_until_ready("samples", "unheard")
    assert appliance.find_deployment("samples", "steady")["notice"] == ""
    appliance.remove_deployment("samples", "unheard")


def test_more_cards_than_are_free_wait_with_a_sentence(trial: Trial) -> None:
    """It names how many are free and who holds the rest; when they are freed it goes on by itself."""
    appliance = trial.appliance
    appliance.deploy("samples", "greedy", model="digits", accelerators=4, resource="qualcomm.com/qaic")
    waiting = appliance.wait_for("samples", "greedy", lambda found: "3 of 4 free" in found["sentence"])
    assert waiting["state"] == "Waiting"
    assert "1 held by samples/iris-live" in waiting["sentence"]
    appliance.remove_deployment("samples", "iris-live")
    assert len(appliance.wait_until_ready("samples", "greedy")["running"][0]["devices"]) == 4
    appliance.remove_deployment("samples", "greedy")


def test_a_second_start_changes_nothing_and_says_the_same(trial: Trial) -> None:
    """`make trial` twice is `make trial` once."""
    before = trial.find_processes()
    again = trial.run("up")
    assert again.returncode == 0, again.stderr
    assert trial.find_processes() == before


def test_predictions_go_on_while_web_and_reconciler_are_killed(trial: Trial, steady: str) -> None:
    """The webapp is not on the path of a prediction."""
    with call_iris(trial, "steady", steady) as caller:
        for _ in range(3):
            wait_until("both are back", lambda: {"web", "reconcile"} <= trial.find_processes().keys())
            for name in ("web", "reconcile"):
                trial.kill(name)
            seen = caller.calls
            wait_until("calls went on", lambda seen=seen: caller.calls > seen + 20)  # type: ignore[misc]
    assert caller.calls > 60
    assert caller.failures == []


@pytest.mark.parametrize("victim", ["web", "reconcile", "supervise"])
def test_a_kill_in_the_middle_of_a_deploy_loses_and_doubles_nothing(trial: Trial, steady: str, victim: str) -> None:
    """At a seeded moment after the wish, SIGKILL; the deployment comes up, once, and removing it leaves nothing."""
    kill_in_a_deploy(trial, victim, random.Random(f"{SEED}-{victim}").uniform(0, 1.5))
    wait_until("predictions come back", lambda: trial.predict_iris("steady", steady) == 200)


def kill_in_a_deploy(trial: Trial, victim: str, moment: float) -> None:
    """Deploy `digits` with a card, SIGKILL `victim` so many seconds later, see it come up once, and remove it."""
    name = f"killed-{victim}"
    wait_until("the webapp answers", lambda: trial.is_answering() and victim in trial.find_processes(), 60)
    trial.appliance.deploy("samples", name, model="digits", **CARD)
    time.sleep(moment)  # the moment itself is what the test is about
    trial.kill(victim)
    wait_until("the webapp answers again", trial.is_answering, 60)
    wait_until("it is ready, once", lambda: is_ready_once(trial, name), 60)
    trial.appliance.remove_deployment("samples", name)
    wait_until("its process is gone", lambda: trial.find_model_processes("digits") == [])


def is_ready_once(trial: Trial, name: str) -> bool:
    """Return whether a deployment of `digits` is Ready with one replica, and one process serves it."""
    found = trial.appliance.find_deployment("samples", name)
    return found["state"] == "Ready" and len(found["running"]) == 1 and len(trial.find_model_processes("digits")) == 1


def test_a_stop_leaves_no_process_and_a_start_brings_all_back(trial: Trial, steady: str) -> None:
    """Deployments run again by themselves, with the same token."""
    assert trial.run("stop").returncode == 0
    wait_until("every process is gone", lambda: trial.find_all_processes() == [])
    assert trial.run("status").returncode == 3
    again = trial.run("up")
    assert again.returncode == 0, again.stderr
    assert trial.predict_iris("steady", steady) == 200

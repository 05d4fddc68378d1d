"""The whole appliance as `make trial` starts it: real processes, real Envoy, simulated cards.

One trial for the whole file, in a home of its own; the tests follow each other as a person's afternoon would.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from tests.gateway.rig import find_free_port, wait_until
from tests.kit.appliance import Appliance

pytestmark = [pytest.mark.trial, pytest.mark.timeout(400)]

TRIAL = str(Path(sys.executable).with_name("airgate-trial"))
IRIS = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
SEED = 20261123


def run_trial(site: SimpleNamespace, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `airgate-trial` as make does."""
    return subprocess.run([TRIAL, *arguments], env=site.environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """A trial with four simulated cards, and a person signed in as admin."""
    home, port = tmp_path_factory.mktemp("t") / "home", find_free_port()
    variables = {"AIRGATE_HOME": str(home), "AIRGATE_PORT": str(port), "AIRGATE_QAIC": "4"}
    made = SimpleNamespace(home=home, port=port, environment={**os.environ, **variables})
    try:
        made.first = run_trial(made, "up")
        assert made.first.returncode == 0, made.first.stderr + run_trial(made, "logs").stdout
        password = (home / "first-password").read_text().strip()
        made.appliance = Appliance(f"http://127.0.0.1:{port}", "admin", password)
        yield made
        made.appliance.close()
    finally:
        run_trial(made, "stop")


def find_processes(site: SimpleNamespace) -> dict[str, int]:
    """Return pid by name of what supervisord keeps."""
    lines = run_trial(site, "status").stdout.splitlines()[1:]
    return {fields[0]: int(fields[3]) for fields in map(str.split, lines)}


def find_all_processes(site: SimpleNamespace) -> list[str]:
    """Return the command line of every process of this machine that names the home folder."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid():
            try:
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(site.home) in line:
                found.append(line)
    return found


def test_it_says_where_it_answers_and_where_the_password_is(site: SimpleNamespace) -> None:
    """Address, user and a password that only its owner can read."""
    assert f"http://127.0.0.1:{site.port}" in site.first.stdout
    assert f"in {site.home}/first-password" in site.first.stdout
    assert (site.home / "first-password").stat().st_mode & 0o777 == 0o600


def test_the_sample_project_is_there_to_click_on(site: SimpleNamespace) -> None:
    """Two trained models with their signatures, and a data set."""
    models = {model["name"]: model["latest"] for model in site.appliance.send("GET", "/projects/samples/models")}
    assert set(models) == {"digits", "iris"}
    assert models["digits"]["format"] == "onnx"
    assert [tensor["name"] for tensor in models["iris"]["signature"]["inputs"]] == list(IRIS)
    assert [data["name"] for data in site.appliance.send("GET", "/projects/samples/datasets")] == ["iris"]


def test_a_model_is_tested_without_being_deployed(site: SimpleNamespace) -> None:
    """Result, what was printed, and the device; a sample comes with the signature."""
    path = "/projects/samples/models/digits/versions/latest"
    sample = site.appliance.send("GET", f"{path}/sample")
    answer = site.appliance.send("POST", f"{path}/test", {"args": sample["predict"]["args"]})
    assert answer["ok"]
    assert answer["result"]
    assert answer["device"] == "CPU"
    assert "ONNX Runtime device: CPU" in answer["stdout"]


def test_a_model_is_deployed_with_a_card_and_called(site: SimpleNamespace) -> None:
    """Upload, deploy with one whole card, token, predict; the page says that the card is held but not used."""
    site.appliance.deploy("samples", "iris-live", model="iris", accelerators=1, resource="qualcomm.com/qaic")
    ready = site.appliance.wait_until_ready("samples", "iris-live")
    assert len(ready["running"][0]["devices"]) == 1
    assert "CPU" in ready["notice"]
    token = site.appliance.make_token("samples", "iris-live")
    wait_until("its route is there", lambda: predict(site, "iris-live", token) == 200)
    answer = site.appliance.predict("samples", "iris-live", token, {"args": {"X": [IRIS]}})
    assert answer.status_code == 200, answer.text
    assert answer.json()["result"][0]["PredictedValue"] == "setosa"
    assert answer.headers["x-airgate-model-digest"] == ready["model"]["digest"]
    assert answer.headers["x-request-id"]


def test_more_cards_than_are_free_wait_with_a_sentence(site: SimpleNamespace) -> None:
    """It names how many are free and who holds the rest; when they are freed it goes on by itself."""
    appliance = site.appliance
    appliance.deploy("samples", "greedy", model="digits", accelerators=4, resource="qualcomm.com/qaic")
    waiting = appliance.wait_for("samples", "greedy", lambda found: "3 of 4 free" in found["sentence"])
    assert waiting["state"] == "Waiting"
    assert "1 held by samples/iris-live" in waiting["sentence"]
    appliance.remove_deployment("samples", "iris-live")
    assert len(appliance.wait_until_ready("samples", "greedy")["running"][0]["devices"]) == 4
    appliance.remove_deployment("samples", "greedy")


def test_one_and_a_half_accelerators_are_refused(site: SimpleNamespace) -> None:
    """A card comes whole; nothing is left behind."""
    wish = {"name": "half", "model": "digits", "accelerators": 1.5, "resource": "qualcomm.com/qaic"}
    answer = site.appliance.http.post("/api/v2/projects/samples/deployments", json=wish)
    assert answer.status_code == 400
    assert "whole number" in answer.json()["error"]
    assert "half" not in {found["name"] for found in site.appliance.send("GET", "/projects/samples/deployments")}


def test_a_second_start_changes_nothing_and_says_the_same(site: SimpleNamespace) -> None:
    """`make trial` twice is `make trial` once."""
    before = find_processes(site)
    again = run_trial(site, "up")
    assert again.returncode == 0, again.stderr
    assert find_processes(site) == before


class Caller:
    """Calls a deployment again and again until told to stop, and keeps what failed."""

    def __init__(self, site: SimpleNamespace, name: str, token: str) -> None:
        self.calls, self.failures = 0, list[str]()
        self._stop = threading.Event()
        url = f"http://127.0.0.1:{site.port}/api/v1/svc/samples/{name}/predict"
        self._thread = threading.Thread(target=self._run, args=(url, token))

    def _run(self, url: str, token: str) -> None:
        with httpx.Client(trust_env=False, headers={"authorization": f"Bearer {token}"}, timeout=20) as client:
            while not self._stop.is_set():
                try:
                    answer = client.post(url, json={"args": {"X": [IRIS]}})
                    if answer.status_code != 200:
                        self.failures.append(f"{answer.status_code} {answer.text}")
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                self.calls += 1
                self._stop.wait(0.02)

    def __enter__(self) -> "Caller":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_predictions_go_on_while_web_and_reconciler_are_killed(site: SimpleNamespace) -> None:
    """The webapp is not on the path of a prediction."""
    site.appliance.deploy("samples", "steady", model="iris")
    site.appliance.wait_until_ready("samples", "steady")
    site.steady_token = token = site.appliance.make_token("samples", "steady")
    wait_until("the route is there", lambda: predict(site, "steady", token) == 200)
    with Caller(site, "steady", token) as caller:
        for _ in range(3):
            for name in ("web", "reconcile"):
                os.kill(find_processes(site)[name], signal.SIGKILL)
            seen = caller.calls
            wait_until("calls went on", lambda seen=seen: caller.calls > seen + 20)  # type: ignore[misc]
    assert caller.calls > 60
    assert caller.failures == []


def predict(site: SimpleNamespace, name: str, token: str) -> int:
    """Return the status of one call."""
    return site.appliance.predict("samples", name, token, {"args": {"X": [IRIS]}}).status_code


@pytest.mark.parametrize("victim", ["web", "reconcile", "supervise"])
def test_a_kill_in_the_middle_of_a_deploy_loses_and_doubles_nothing(site: SimpleNamespace, victim: str) -> None:
    """At a seeded moment after the wish, SIGKILL; the deployment comes up, once, and removing it leaves nothing."""
    name = f"killed-{victim}"
    moment = random.Random(f"{SEED}-{victim}").uniform(0, 1.5)
    wait_until("the webapp answers", lambda: is_answering(site))
    site.appliance.deploy("samples", name, model="digits", accelerators=1, resource="qualcomm.com/qaic")
    time.sleep(moment)  # the moment itself is what the test is about
    os.kill(find_processes(site)[victim], signal.SIGKILL)
    wait_until("the webapp answers again", lambda: is_answering(site))
    wait_until("it is ready", lambda: is_ready_once(site, name), 60)
    assert len(find_model_processes(site)) == 1
    site.appliance.remove_deployment("samples", name)
    wait_until("its process is gone", lambda: find_model_processes(site) == [])
    wait_until("predictions come back", lambda: predict(site, "steady", site.steady_token) == 200)


def is_answering(site: SimpleNamespace) -> bool:
    """Return whether the API answers; the webapp may be starting."""
    try:
        return bool(site.appliance.http.get("/api/v2/projects").status_code == 200)
    except httpx.HTTPError:
        return False


def is_ready_once(site: SimpleNamespace, name: str) -> bool:
    """Return whether a deployment is Ready, has one replica, and a call reaches it."""
    found = site.appliance.find_deployment("samples", name)
    return found["state"] == "Ready" and len(found["running"]) == 1 and len(find_model_processes(site)) == 1


def find_model_processes(site: SimpleNamespace) -> list[str]:
    """Return the command lines of the processes that serve the model `digits`, which nothing else here serves."""
    digest = site.appliance.send("GET", "/projects/samples/models/digits")["latest"]["digest"].removeprefix("sha256:")
    return [line for line in find_all_processes(site) if "airgate-serve" in line and digest in line]


def test_a_stop_leaves_no_process_and_a_start_brings_all_back(site: SimpleNamespace) -> None:
    """Deployments run again by themselves, with the same token."""
    assert run_trial(site, "stop").returncode == 0
    wait_until("every process is gone", lambda: find_all_processes(site) == [])
    assert run_trial(site, "status").returncode == 3
    again = run_trial(site, "up")
    assert again.returncode == 0, again.stderr
    wait_until("predictions come back", lambda: predict(site, "steady", site.steady_token) == 200)

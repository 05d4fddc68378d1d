"""A model of each format, from its file to a prediction through the gateway."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.trial import Trial
from tests.serving import models
from tests.trial.conftest import GROUP

pytestmark = [GROUP, pytest.mark.trial, pytest.mark.timeout(400)]
PROJECT = "formats"
ADDS = {"X": [{"a": 1, "b": 2}]}
SCRIPT = f"""
SAMPLE = {ADDS}
def predict(args):
    print("adding")
    return [{{"sum": row["a"] + row["b"]}} for row in args["X"]]
"""
FILES = {
    "iris.onnx": "onnx",
    "iris.json": "xgboost",
    "iris.txt": "lightgbm",
    "iris.skops": "sklearn",
    "adds.py": "script",
}


@pytest.fixture(scope="module")
def trial(shared_trial: Trial) -> Trial:
    """A trial with a project for these."""
    shared_trial.appliance.send("POST", "/projects", {"name": "Formats", "route": PROJECT})
    return shared_trial


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small trained models, one of each format."""
    folder = models.write_all(tmp_path_factory.mktemp("models"))
    (folder / "adds.py").write_text(SCRIPT)
    return folder


@pytest.mark.parametrize(("filename", "format_"), FILES.items())
def test_a_file_is_known_tested_deployed_and_called(trial: Trial, folder: Path, filename: str, format_: str) -> None:
    """Its format is found out; the same rows get the same answer on the Test page and behind the gateway."""
    name = filename.replace(".", "-")
    made = trial.appliance.upload(PROJECT, name, filename, (folder / filename).read_bytes())
    assert made["format"] == format_
    path = f"/projects/{PROJECT}/models/{name}/versions/1"
    args = trial.appliance.send("GET", f"{path}/sample")["predict"]["args"]
    assert format_ != "script" or args == ADDS
    tested = trial.appliance.send("POST", f"{path}/test", {"args": args})
    assert tested["ok"], tested
    trial.appliance.deploy(PROJECT, name, model=name, cpu=0.5)
    trial.appliance.wait_until_ready(PROJECT, name)
    token = trial.appliance.make_token(PROJECT, name)
    answer = ask(trial, name, token, args)
    assert answer.status_code == 200, answer.text
    assert answer.json()["result"] == tested["result"]
    trial.appliance.remove_deployment(PROJECT, name)


def ask(trial: Trial, name: str, token: str, args: Any) -> httpx.Response:
    """Call a deployment of the project through the gateway."""
    return trial.appliance.predict(PROJECT, name, token, {"args": args})

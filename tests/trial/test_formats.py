"""A model of each format, from its file to a prediction through the gateway."""

import pickle
from pathlib import Path
from typing import Any

import httpx
import pytest
import sklearn
import sklearn.base
from sklearn.linear_model import LinearRegression

from tests.kit.trial import Trial
from tests.serving import models
from tests.serving.pmml_models import make_iris_tree
from tests.serving.test_hostile_models import listen
from tests.serving.test_mlflow import pack
from tests.serving.test_override import read_found, write_hostile

pytestmark = [pytest.mark.trial, pytest.mark.timeout(400)]
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
    "iris.pmml": "pmml",
    "iris.zip": "mlflow",
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
    (folder / "iris.pmml").write_text(make_iris_tree()[0])
    model = {"model.pkl": (folder / "iris.pkl").read_bytes()}
    pack(folder / "iris.zip", {"sklearn": {"pickled_model": "model.pkl"}}, model)
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


def test_a_file_of_another_version_warns_wherever_one_decides(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the upload, on a test's stdout, and where it is deployed: both versions, and what to do."""
    other = f"{sklearn.__version__.split('.')[0]}.0.1"
    monkeypatch.setattr(sklearn.base, "__version__", other)
    content = pickle.dumps(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
    monkeypatch.undo()
    (said,) = trial.appliance.upload(PROJECT, "older", "older.pkl", content)["warnings"]
    assert f"scikit-learn {other}; this runtime has {sklearn.__version__}, which is newer." in said["sentence"]
    assert "airgate-serve freeze" in said["hint"]
    path = f"/projects/{PROJECT}/models/older/versions/1/test"
    assert said["sentence"] in trial.appliance.send("POST", path, {"args": {"X": [[1.0]]}})["stdout"]
    assert trial.appliance.deploy(PROJECT, "older", model="older", cpu=0.5)["warnings"] == [said]
    trial.appliance.remove_deployment(PROJECT, "older")


def test_an_allowed_file_is_tested_deployed_and_called_and_reaches_nothing(trial: Trial) -> None:
    """The scanner is overruled for one file, all the way to the gateway; withdrawn, it is refused again."""
    versions, reason = f"/projects/{PROJECT}/models", "Made by ourselves."
    key = trial.home / "keys" / "signing.pem"
    places = {"key": str(key), "neighbour": str(key), "folder": str(trial.home / "blobs")}
    with listen() as (port, callers):
        content = write_hostile({**places, "port": port})
        fields = {"name": "own", "filename": "own.pkl"}
        refused = trial.appliance.http.post(f"/api/v2{versions}", params=fields, content=content)
        assert (refused.status_code, refused.json()["code"]) == (422, "dangerous_model")
        made = trial.appliance.send("POST", versions, params={**fields, "override_reason": reason}, content=content)
        assert (made["permit"]["reason"], made["permit"]["allowed_by"]) == (reason, "admin")
        args = {"X": [[1.0]]}
        tested = trial.appliance.send("POST", f"{versions}/own/versions/1/test", {"args": args})
        trial.appliance.deploy(PROJECT, "own", model="own", cpu=0.5)
        trial.appliance.wait_until_ready(PROJECT, "own")
        answer = ask(trial, "own", trial.appliance.make_token(PROJECT, "own"), args)
    assert answer.json()["result"] == tested["result"], answer.text
    found = read_found(tested["stdout"])
    assert {name: how for name, how in found.items() if not how.startswith("refused: ")} == {} and callers == []
    trial.appliance.send("DELETE", f"{versions}/own/versions/1/permit")
    again = trial.appliance.http.post(f"/api/v2{versions}/own/versions/1/test", json={"args": args})
    assert again.status_code == 400 and "admin has withdrawn the permission" in again.json()["error"]
    deeds = [one["deed"] for one in trial.appliance.send("GET", "/audit") if one["subject"] == f"model {PROJECT}/own"]
    assert {"allow past the scanner", "withdraw a permit"} <= set(deeds)
    trial.appliance.remove_deployment(PROJECT, "own")

"""A model of each format, from its file to a prediction through the gateway."""

import pickle
from pathlib import Path

import pytest
import sklearn
import sklearn.base
from sklearn.linear_model import LinearRegression

from tests.kit import formats
from tests.kit.trial import Trial
from tests.serving.test_hostile_models import listen

pytestmark = [pytest.mark.trial, pytest.mark.timeout(400)]
PROJECT = "formats"


@pytest.fixture(scope="module")
def trial(shared_trial: Trial) -> Trial:
    """A trial with a project for these."""
    shared_trial.appliance.send("POST", "/projects", {"name": "Formats", "route": PROJECT})
    return shared_trial


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small trained models, one of each format."""
    return formats.write_formats(tmp_path_factory.mktemp("models"))


@pytest.mark.parametrize(("filename", "format_"), formats.FILES.items())
def test_a_file_is_known_tested_deployed_and_called(trial: Trial, folder: Path, filename: str, format_: str) -> None:
    """Its format is found out; the same rows get the same answer on the Test page and behind the gateway."""
    walked = formats.walk(trial.appliance, PROJECT, folder / filename, cpu=0.5)
    assert walked.format == format_
    assert format_ != "script" or walked.args == formats.ADDS
    assert walked.answered == walked.tested


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
    versions = f"/projects/{PROJECT}/models"
    key = trial.home / "keys" / "signing.pem"
    places = {"key": str(key), "neighbour": str(key), "folder": str(trial.home / "blobs")}
    with listen() as (port, callers):
        made = formats.allow_hostile(trial.appliance, PROJECT, "own", {**places, "port": port})
        assert (made["permit"]["reason"], made["permit"]["allowed_by"]) == (formats.REASON, "admin")
        args = {"X": [[1.0]]}
        tested = trial.appliance.send("POST", f"{versions}/own/versions/1/test", {"args": args})
        assert formats.deploy_and_call(trial.appliance, PROJECT, "own", args, cpu=0.5) == tested["result"]
    assert formats.find_reached(tested["stdout"]) == {} and callers == []
    trial.appliance.send("DELETE", f"{versions}/own/versions/1/permit")
    again = trial.appliance.http.post(f"/api/v2{versions}/own/versions/1/test", json={"args": args})
    assert again.status_code == 400 and "admin has withdrawn the permission" in again.json()["error"]
    deeds = [one["deed"] for one in trial.appliance.send("GET", "/audit") if one["subject"] == f"model {PROJECT}/own"]
    assert {"allow past the scanner", "withdraw a permit"} <= set(deeds)
    trial.appliance.remove_deployment(PROJECT, "own")

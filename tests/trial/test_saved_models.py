"""SavedModels through the whole appliance: from the archive on the page to each signature behind the gateway.

The trial's serving runtime is a Python with TensorFlow, apart from ours, as the image serving-tensorflow is in a
cluster. Its wheels have gigabytes: these tests run with `--large` alone.
"""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airgate_kit.names import FORMATS, FORMATS_TENSORFLOW
from airgate_web.domain.functions import make_path
from tests.kit.trial import Trial, run_trial
from tests.serving.apart import Asked, make_models, make_python, read_asked
from tests.serving.test_tensorflow import is_same

pytestmark = [pytest.mark.trial, pytest.mark.large, pytest.mark.timeout(900)]
PROJECT = "saved"
OFFERED = [
    {"slug": slug, "name": slug, "kind": "environment", "language": "Python 3.11", "image": "", "formats": formats}
    for slug, formats in (("usual", FORMATS), ("tensorflow", FORMATS_TENSORFLOW))
]
FILES = {  # archive -> its functions, the one that answers where none is named first
    "session.zip": ("predict", "look", "predict_signature"),
    "several.tar.gz": ("predict", "a b", "total", "towers/all ü"),
}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with TensorFlow and this checkout's packages."""
    return make_python("serving-tensorflow", tmp_path_factory.mktemp("tensorflow"))


@pytest.fixture(scope="module")
def made(python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the models that TensorFlow made, one of them packed as a tar too."""
    folder = make_models(python, "make_sessions.py", tmp_path_factory.mktemp("sessions"), 110)
    with tarfile.open(folder / "several.tar.gz", "w:gz") as archive:
        archive.add(folder / "several", "several")
    return folder


@pytest.fixture(scope="module")
def asked(made: Path) -> Asked:
    """What TensorFlow itself was asked, and answered."""
    return read_asked(made)


@pytest.fixture(scope="module")
def trial(python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """A trial that offers TensorFlow beside the usual runtime; a machine has one program for all: that Python's."""
    folder = tmp_path_factory.mktemp("t")
    offered = folder / "runtimes.json"
    offered.write_text(json.dumps(OFFERED))
    serve = Path(python).with_name("airgate-serve")
    serve.write_text(f'#!/bin/sh\nexec {python} -P -m airgate_serving "$@"\n')
    serve.chmod(0o755)
    more = {"AIRGATE_SERVE": str(serve), "AIRGATE_RUNTIMES_FILE": str(offered)}
    with run_trial(folder / "home", cards=0, **more) as running:
        running.appliance.send("POST", "/projects", {"name": "Saved models", "route": PROJECT})
        yield running


@pytest.fixture(scope="module", params=FILES)
def model(request: pytest.FixtureRequest, trial: Trial, made: Path) -> Iterator[str]:
    """A SavedModel that was uploaded and deployed as it came, by its name."""
    name = request.param.partition(".")[0]
    version = trial.appliance.upload(PROJECT, name, request.param, (made / request.param).read_bytes())
    assert version["format"] == "tensorflow"
    assert ("predict", *(one["name"] for one in version["signature"]["further"])) == FILES[request.param]
    deployed = trial.appliance.deploy(PROJECT, name, model=name, cpu=0.5)
    assert deployed["runtime"] == "tensorflow"
    trial.appliance.wait_until_ready(PROJECT, name)
    yield request.param
    trial.appliance.remove_deployment(PROJECT, name)


def test_every_signature_is_tested_and_called_and_answers_as_tensorflow_does(
    trial: Trial, asked: Asked, model: str
) -> None:
    """On the Test page and, by the path that the deployment's page gives, behind the gateway."""
    name = model.partition(".")[0]
    token = trial.appliance.make_token(PROJECT, name)
    for function in FILES[model]:
        inputs, own = asked[f"{name}/{make_path(function)}"]
        args = {"X": write_rows(inputs)}
        wish = {"args": args, "function": function}
        tested = trial.appliance.send("POST", f"/projects/{PROJECT}/models/{name}/versions/1/test", wish)
        assert tested["ok"] and "TensorFlow device: CPU" in tested["stdout"], tested
        answer = trial.appliance.predict(PROJECT, name, token, {"args": args}, make_path(function))
        assert answer.status_code == 200, answer.text
        for found in (tested["result"], answer.json()["result"]):
            assert {*found[0]} == {*own}
            assert all(is_same([row[key] for row in found], array) for key, array in own.items()), (function, found)


def write_rows(inputs: dict[str, Any]) -> list[dict[str, Any]]:
    """Return tensors as records."""
    rows = range(len(next(iter(inputs.values()))))
    return [
        {key: array[row].tolist() if array.ndim > 1 else array[row] for key, array in inputs.items()} for row in rows
    ]


def test_the_sample_of_each_signature_can_be_sent_as_it_is(trial: Trial, model: str) -> None:
    """What the API hands to a script for one function is what that function takes."""
    name = model.partition(".")[0]
    token = trial.appliance.make_token(PROJECT, name)
    for function in FILES[model]:
        path = f"/projects/{PROJECT}/models/{name}/versions/1/sample"
        sample = trial.appliance.send("GET", path, params={"function": function})["predict"]
        answer = trial.appliance.predict(PROJECT, name, token, sample, make_path(function))
        assert answer.status_code == 200 and len(answer.json()["result"]) == 1, answer.text

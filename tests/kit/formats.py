"""A model of each format, and the walk from its file to a prediction, on any appliance that runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kit.appliance import Appliance
from tests.serving import models
from tests.serving.pmml_models import make_iris_tree
from tests.serving.test_mlflow import pack
from tests.serving.test_override import read_found, write_hostile

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
REASON = "Made by ourselves."
REFUSED = "refused: "


@dataclass(frozen=True, slots=True)
class Walked:
    """What a file was taken for, what it was tested with and answered there, and what it answered once deployed."""

    format: str
    args: Any
    tested: Any
    answered: Any


def write_formats(folder: Path) -> Path:
    """Write a small trained model of each format into the folder and return it."""
    models.write_all(folder)
    (folder / "adds.py").write_text(SCRIPT)
    (folder / "iris.pmml").write_text(make_iris_tree()[0])
    model = {"model.pkl": (folder / "iris.pkl").read_bytes()}
    pack(folder / "iris.zip", {"sklearn": {"pickled_model": "model.pkl"}}, model)
    return folder


def walk(appliance: Appliance, route: str, file: Path, cpu: float) -> Walked:
    """Upload a file, test it with its own sample, deploy it, call it through the gateway and remove the deployment."""
    name = file.name.replace(".", "-")
    made = appliance.upload(route, name, file.name, file.read_bytes())
    path = f"/projects/{route}/models/{name}/versions/1"
    args = appliance.send("GET", f"{path}/sample")["predict"]["args"]
    tested = appliance.send("POST", f"{path}/test", {"args": args})
    assert tested["ok"], tested
    answered = deploy_and_call(appliance, route, name, args, cpu)
    appliance.remove_deployment(route, name)
    return Walked(made["format"], args, tested["result"], answered)


def deploy_and_call(appliance: Appliance, route: str, name: str, args: Any, cpu: float) -> Any:
    """Return what a model answers through the gateway from a deployment of its own, which stays."""
    appliance.deploy(route, name, model=name, cpu=cpu)
    appliance.wait_until_ready(route, name)
    answer = appliance.predict(route, name, appliance.make_token(route, name), {"args": args})
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


def find_reached(stdout: str) -> dict[str, str]:
    """Return what the hostile model got hold of, by its ways out, of those that it says it tried."""
    found = read_found(stdout)
    assert len(found) == 12, found
    return {name: how for name, how in found.items() if not how.startswith(REFUSED)}


def allow_hostile(appliance: Appliance, route: str, name: str, places: dict[str, Any]) -> Any:
    """Publish a hostile model that the scanner refuses, by an administrator's word; return its version."""
    content, path = write_hostile(places), f"/projects/{route}/models"
    fields = {"name": name, "filename": f"{name}.pkl"}
    refused = appliance.http.post(f"/api/v2{path}", params=fields, content=content)
    assert (refused.status_code, refused.json()["code"]) == (422, "dangerous_model")
    return appliance.send("POST", path, params={**fields, "override_reason": REASON}, content=content)

"""MLflow model folders, laid out as MLflow documents them: the model in them answers as it does alone."""

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from airgate_serving.errors import BadModelFile, DangerousModelFile
from airgate_serving.formats.interface import LoadOptions, Runner
from airgate_serving.formats.mlflow import choose_flavor, read_description
from airgate_serving.formats.table import guess_format, load
from tests.serving.models import WIDTH
from tests.serving.test_formats import Evil
from tests.serving.test_onnx import split_weights
from tests.serving.test_tester import call, scratch, shelf, tester  # noqa: F401 - fixtures

FUNCTION = {"loader_module": "mlflow.sklearn", "model_path": "model.pkl", "python_version": "3.11.7"}


def pack(path: Path, flavors: dict[str, Any], files: dict[str, bytes], folder: str = "model/") -> Path:
    """Write a packed folder with its MLmodel (JSON is YAML too) and return its path."""
    said = {"artifact_path": "model", "flavors": flavors, "mlflow_version": "2.14.1", "model_uuid": "0" * 32}
    extra = {"MLmodel": json.dumps(said).encode(), "requirements.txt": b"mlflow", "code/own.py": b"import x"}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {**extra, **files}.items():
            archive.writestr(f"{folder}{name}", content)
    return path


def open_model(path: Path) -> Runner:
    """Load a packed folder as what it is."""
    assert guess_format(path) == "mlflow"
    return load(path, "mlflow", LoadOptions())


@pytest.mark.parametrize(
    ("flavor", "said", "file"),
    [
        ("sklearn", {"pickled_model": "model.pkl", "sklearn_version": "1.4.2"}, "iris.pkl"),
        ("xgboost", {"data": "model.pkl", "xgb_version": "2.0.3"}, "iris.json"),
        ("lightgbm", {"data": "model.pkl", "lgb_version": "4.3.0"}, "iris.txt"),
    ],
)
@pytest.mark.parametrize("folder", ["model/", ""])
def test_a_packed_folder_answers_as_the_model_in_it(tmp_path, model_folder, flavor, said, file, folder) -> None:
    """The flavor of the library is opened, not the Python function beside it."""
    content = (model_folder / file).read_bytes()
    packed = pack(tmp_path / "m", {"python_function": FUNCTION, flavor: said}, {"model.pkl": content}, folder)
    runner, alone = open_model(packed), load(model_folder / file, guess_format(model_folder / file), LoadOptions())
    row = {spec.name: np.array(spec.sample, dtype=float) for spec in alone.info.signature.inputs}
    assert runner.run(row)["Probabilities"].tobytes() == alone.run(row)["Probabilities"].tobytes()
    assert runner.info.signature == alone.info.signature
    assert ("mlflow", "2.14.1") in [(library.name, library.in_file) for library in runner.info.libraries]


def test_an_onnx_folder_brings_its_weights(tmp_path) -> None:
    """External data lies beside the model in the folder."""
    files = split_weights(tmp_path / "split")
    runner = open_model(pack(tmp_path / "m", {"onnx": {"data": "mlp.onnx"}}, files))
    assert runner.run({"x": np.ones((2, WIDTH), dtype=np.float32)})["y"].shape == (2, 10)


@pytest.mark.parametrize(
    ("flavors", "files", "kind", "says"),
    [
        ({"python_function": FUNCTION}, {}, BadModelFile, "flavors are python_function"),
        ({"sklearn": {"pickled_model": "no.pkl"}}, {}, BadModelFile, "lacks model/no.pkl"),
        ({"sklearn": {"pickled_model": "../../etc/passwd"}}, {}, BadModelFile, "lacks"),
        ({"sklearn": {"pickled_model": "m"}}, {"m": b"a;b"}, BadModelFile, "no format"),
        ({"sklearn": {"pickled_model": "m"}}, {"m": pickle.dumps(Evil())}, DangerousModelFile, "system"),
    ],
)
def test_a_folder_that_cannot_be_opened_says_why(tmp_path, flavors, files, kind, says) -> None:
    """A function of one's own, a file that is not there, a pickle that attacks."""
    with pytest.raises(kind, match=says):
        open_model(pack(tmp_path / "m", flavors, files))


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_description_is_read_or_refused(content: bytes) -> None:
    """MLmodel is a stranger's file."""
    try:
        assert choose_flavor(read_description(content))
    except BadModelFile as error:
        assert error.sentence


@pytest.mark.process
def test_a_packed_folder_is_inspected_and_tested_in_the_sandbox(tester, shelf, tmp_path, model_folder) -> None:  # noqa: F811
    """Nothing is unpacked: the locked process has no folder, and needs none."""
    files = {"model.pkl": (model_folder / "iris.pkl").read_bytes()}
    content = pack(tmp_path / "m.zip", {"sklearn": {"pickled_model": "model.pkl"}}, files).read_bytes()
    digest = shelf.put(content)
    found = call(tester, "/inspect", {"digest": digest, "filename": "m.zip"}).json()
    assert found["format"] == "mlflow" and found["task"] == "classification"
    tested = call(tester, "/test", {"digest": digest, "format": "mlflow", "args": found["sample"]})
    assert tested.status_code == 200 and len(tested.json()["result"]) == 1


@pytest.mark.process
def test_a_packed_model_larger_than_what_a_call_may_print_is_inspected(tester, shelf, tmp_path) -> None:  # noqa: F811
    """The bound of what is printed, 32 MiB, is not the bound of a model in its archive."""
    rows = np.random.default_rng(0).random((100_000, 45))
    model = KNeighborsClassifier(algorithm="brute").fit(rows, rows[:, 0] > 0.5)
    files = {"model.pkl": pickle.dumps(model)}
    assert len(files["model.pkl"]) > 33 * 1024 * 1024
    content = pack(tmp_path / "m.zip", {"sklearn": {"pickled_model": "model.pkl"}}, files).read_bytes()
    found = call(tester, "/inspect", {"digest": shelf.put(content), "filename": "m.zip"})
    assert found.status_code == 200 and found.json()["format"] == "mlflow", found.text

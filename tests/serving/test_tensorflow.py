"""Models of Keras and TensorFlow, made and answered by the libraries themselves, asked through the server.

TensorFlow is in no environment of ours but its image's: another Python makes the models and serves them.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airgate_serving.fetch import compute_digest
from tests.serving.apart import SURROUNDINGS, Asked, make_models, make_python, read_asked
from tests.serving.server import RunningServer, start_server
from tests.serving.test_tester import Shelf, call, scratch, shelf, start_tester  # noqa: F401 - fixtures
from tests.serving.triton import Question

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]  # TensorFlow alone takes seconds to import

MODELS = {
    **{name: (f"{name}.keras", "keras", name) for name in ("iris", "digits", "two", "words")},
    "iris-h5": ("iris.h5", "keras", "iris"),
    **{f"saved-{name}": (f"{name}.tar.gz", "tensorflow", name) for name in ("iris", "digits", "two", "words")},
    "turned": ("turned.zip", "tensorflow", "turned"),
    "turned-folder": ("turned", "tensorflow", "turned"),
    "mlflow": ("mlflow.zip", "keras", "iris"),
    "mlflow-saved": ("mlflow-saved.zip", "tensorflow", "turned"),
}
EVERY_MODEL = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with the wheels of the image serving-tensorflow and this checkout's packages, apart from ours."""
    return make_python("serving-tensorflow", tmp_path_factory.mktemp("tensorflow"))


@pytest.fixture(scope="module")
def made(python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the models that Keras and TensorFlow made."""
    folder = make_models(python, "make_keras.py", tmp_path_factory.mktemp("keras"), 110)
    pack_as_mlflow(folder / "mlflow.zip", {"data/model.keras": folder / "iris.keras"})
    saved = {f"tf2model/{one.relative_to(folder / 'turned')}": one for one in (folder / "turned").rglob("*")}
    pack_as_mlflow(folder / "mlflow-saved.zip", saved)
    return folder


def pack_as_mlflow(path: Path, files: dict[str, Path]) -> None:
    """Pack a model as MLflow lays it out."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/MLmodel", "flavors:\n  tensorflow:\n    data: data\nmlflow_version: 3.1.0\n")
        for name, file in files.items():
            archive.write(file, f"model/{name}")


@pytest.fixture(scope="module")
def asked(made: Path) -> Asked:
    """What the libraries themselves were asked, and answered."""
    return read_asked(made)


@pytest.fixture(scope="module")
def served(made: Path, python: str) -> Iterator[RunningServer]:
    """All of them in one server."""
    (first, (file, _, _)), *others = MODELS.items()
    also = []
    for name, (other, form, _) in others:
        path = made / other
        also += ["--also", name, "1", compute_digest(path) if path.is_file() else f"sha256:{'0' * 64}", form, str(path)]
    with start_server(made / file, *also, name=first, env=SURROUNDINGS, python=python) as server:
        yield server


def is_same(found: Any, own: Any) -> bool:
    """Whether two tensors are the same, but for the last digit of a float: Keras answers step by step."""
    if own.dtype.kind != "f":
        return np.array_equal(np.asarray(found).reshape(own.shape), own)
    return np.allclose(np.asarray(found, own.dtype).reshape(own.shape), own, rtol=1e-5, atol=1e-6)


@EVERY_MODEL
def test_a_model_answers_records_as_its_own_library_does(served: RunningServer, asked: Asked, name: str) -> None:
    """A row for each record, under the names of the outputs."""
    inputs, own = asked[MODELS[name][2]]
    rows = [
        {key: array[row].tolist() if array.ndim > 1 else array[row] for key, array in inputs.items()}
        for row in range(len(next(iter(inputs.values()))))
    ]
    answer = served.post(f"/models/{name}/predict", {"X": rows})
    assert answer.status_code == 200, answer.text
    for output, array in own.items():
        key = output if output in answer.json()["result"][0] else "output_0"
        assert is_same([row[key] for row in answer.json()["result"]], array), (output, answer.text[:300])


@EVERY_MODEL
@pytest.mark.parametrize("how", ["json", "bytes", "grpc"])
def test_a_model_answers_open_inference_as_its_own_library_does(
    served: RunningServer, asked: Asked, ask_triton: Any, name: str, how: str
) -> None:
    """JSON, bytes and gRPC, by somebody else's client."""
    inputs, own = asked[MODELS[name][2]]
    known = {one["name"] for one in served.get(f"/v2/models/{name}").json()["outputs"]}
    names = {output: output if output in known else "output_0" for output in own}
    ways = {} if how == "grpc" else {"as_bytes_in": how == "bytes", "as_bytes_out": how == "bytes"}
    door = "grpc" if how == "grpc" else "http"
    found = ask_triton(door, served, Question(name, inputs, tuple(names.values()), **ways))
    for output, array in own.items():
        answer = found[names[output]]
        texts = [one.decode() if isinstance(one, bytes) else one for one in answer.ravel()]
        assert is_same(np.array(texts, dtype=object) if answer.dtype.kind in "OS" else answer, array), output


def test_the_signature_is_the_models_own(served: RunningServer) -> None:
    """Names, types and shapes; what is free stays free."""
    two = served.get("/v2/models/two").json()
    assert two["platform"] == "keras" and two["parameters"]["engine"] == "TensorFlow"
    assert [(one["name"], one["datatype"], one["shape"]) for one in two["inputs"]] == [
        ("amount", "FP32", [-1, 1]),
        ("place", "INT32", [-1, 1]),
    ]
    assert {one["name"]: one["shape"] for one in two["outputs"]} == {"all": [-1, 3], "sum": [-1, 1]}
    turned = served.get("/v2/models/turned").json()
    assert turned["platform"] == "tensorflow_savedmodel"
    assert {one["name"]: one["datatype"] for one in turned["outputs"]} == {"upper": "BYTES", "length": "INT32"}


def test_values_that_a_model_does_not_take_are_the_callers_fault(served: RunningServer) -> None:
    """The sentence is the library's own, without its graph."""
    refused = served.post("/models/two/predict", {"X": [{"amount": [1.0], "place": [9]}]})
    assert refused.status_code == 400 and refused.json()["code"] == "model-refused"
    assert "is not in [0, 5)" in refused.json()["error"], refused.text


def test_it_says_where_it_computes_and_nothing_else(served: RunningServer) -> None:
    """On stdout the device; on stderr our own lines alone, and rows of most models may share a run."""
    assert served.output.count("TensorFlow device: CPU\n") == len(MODELS)
    foreign = [line for line in served.errors if not line.startswith("{")]
    assert foreign == []
    assert sum('"batchable": true' in line for line in served.errors) == len(MODELS)


@pytest.fixture(scope="module")
def tester(python: str, shelf: Shelf, scratch: Path) -> Iterator[RunningServer]:  # noqa: F811
    """A tester with TensorFlow."""
    with start_tester(shelf, scratch, env={**SURROUNDINGS, "AIRGATE_GATE_SECRET": "gate-secret"}, python=python) as one:
        yield one


HOSTILE = {
    "lambda.keras": ("dangerous-model-file", "class Lambda, which carries code"),
    "lambda.h5": ("dangerous-model-file", "class Lambda, which carries code"),
    "elsewhere.h5": ("dangerous-model-file", "'model_weights/stolen' lie in another file"),
    "alone.weights.h5": ("bad-model-file", "no Keras model: weights alone"),
}


@pytest.mark.parametrize("file", HOSTILE)
def test_a_file_that_would_run_code_or_reach_out_is_refused_by_name(tester, shelf, made, file) -> None:  # noqa: F811
    """Before Keras sees it."""
    answer = call(tester, "/inspect", {"digest": shelf.put((made / file).read_bytes()), "filename": file}).json()
    code, words = HOSTILE[file]
    assert answer["code"] == code and words in answer["error"], answer


def test_code_that_an_administrator_allowed_is_run_behind_the_lock(tester, shelf, made) -> None:  # noqa: F811
    """For the one file with that digest."""
    digest = shelf.put((made / "lambda.keras").read_bytes())
    allowed = call(tester, "/test", {"digest": digest, "override": digest, "args": {"X": [{"x": [1, 2, 3, 4]}]}})
    assert allowed.status_code == 200, allowed.text
    assert next(iter(allowed.json()["result"][0].values())) == [2, 4, 6, 8]


def test_the_version_of_mlflow_is_told_too(tester, shelf, made) -> None:  # noqa: F811
    """Beside those of the model itself."""
    digest = shelf.put((made / "mlflow.zip").read_bytes())
    seen = call(tester, "/inspect", {"digest": digest, "filename": "mlflow.zip"}).json()
    assert seen["format"] == "keras"
    assert {one["name"]: one["in_file"] for one in seen["libraries"]}["mlflow"] == "3.1.0"


@pytest.mark.parametrize("file", ["words.keras", "two.tar.gz"])
def test_the_sample_of_a_signature_is_a_test_that_works(tester, shelf, made, file) -> None:  # noqa: F811
    """What the page fills in can be sent; versions in the file and here are shown."""
    digest = shelf.put((made / file).read_bytes())
    seen = call(tester, "/inspect", {"digest": digest, "filename": file}).json()
    assert "Landlock" in seen["lock"] and seen["libraries"][0]["in_file"] == seen["libraries"][0]["installed"]
    done = call(tester, "/test", {"digest": digest, "args": seen["sample"]}).json()
    assert done["stdout"] == "TensorFlow device: CPU\n" and done["stderr"] == "" and len(done["result"]) == 1


PROGRAMS = {
    "reads": "ReadFile",
    "writes": "WriteFile",
    "python": "PyFunc",
    "restores": "RestoreV2",
    "prints": "PrintV2",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_reaches_out_is_refused_with_the_operations_name(made: Path, program: str) -> None:
    """Read without TensorFlow, as TensorFlow wrote it."""
    from airgate_serving.errors import DangerousModelFile
    from airgate_serving.formats.tensorflow_graph import read_facts, require_calm

    with pytest.raises(DangerousModelFile, match=PROGRAMS[program]):
        require_calm(read_facts((made / f"{program}.pb").read_bytes()))

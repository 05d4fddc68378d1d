"""Models of PyTorch, made and answered by the library itself, asked through the server.

PyTorch's wheels have 3 GB: these tests run with `--large` alone, as `python -m tests.soak large` does. PyTorch is in
no environment of ours but its image's: another Python makes the models and serves them.
"""

import socket
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airgate_serving.fetch import compute_digest
from tests.serving.apart import SURROUNDINGS, Asked, make_models, make_python, read_asked
from tests.serving.server import RunningServer, run_command, start_server, wait_for
from tests.serving.test_tester import Shelf, call, scratch, shelf, start_tester  # noqa: F401 - fixtures
from tests.serving.triton import Question

pytestmark = [pytest.mark.large, pytest.mark.timeout(1800)]  # minutes of work on a busy machine

MODELS = {  # file, platform, and whose answers
    "iris": ("iris.pt", "pytorch_torchscript", "iris"),
    "iris-traced": ("iris-traced.pt", "pytorch_torchscript", "iris"),
    "iris-exported": ("iris.pt2", "pytorch_export", "iris"),
    "iris-source": ("source.zip", "pytorch_state_dict", "iris"),
    "iris-safetensors": ("source.tar.gz", "pytorch_state_dict", "iris"),
    "iris-checkpoint": ("checkpoint.zip", "pytorch_state_dict", "iris"),
    "iris-mlflow": ("mlflow.zip", "pytorch_torchscript", "iris"),
    "digits": ("digits.pt", "pytorch_torchscript", "digits"),
    "digits-exported": ("digits.pt2", "pytorch_export", "digits"),
    "two": ("two-traced.pt", "pytorch_torchscript", "two"),
    "two-exported": ("two.pt2", "pytorch_export", "two"),
    "words": ("words.pt", "pytorch_torchscript", "words"),
    "halves": ("halves.pt", "pytorch_torchscript", "halves"),
}
EVERY_MODEL = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with the wheels of the image serving-pytorch and this checkout's packages, apart from ours."""
    return make_python("serving-pytorch", tmp_path_factory.mktemp("pytorch"))


@pytest.fixture(scope="module")
def made(python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the models that PyTorch made."""
    return make_models(python, "make_pytorch.py", tmp_path_factory.mktemp("made"), 1200)


@pytest.fixture(scope="module")
def asked(made: Path) -> Asked:
    """What the library itself was asked, and answered."""
    return read_asked(made)


@pytest.fixture(scope="module")
def served(made: Path, python: str) -> Iterator[RunningServer]:
    """All of them in one server."""
    (first, (file, _, _)), *others = MODELS.items()
    also = []
    for name, (other, _, _) in others:
        also += ["--also", name, "1", compute_digest(made / other), "pytorch", str(made / other)]
    with start_server(made / file, *also, name=first, env=SURROUNDINGS, python=python, seconds=600) as server:
        yield server


def is_same(found: Any, own: Any) -> bool:
    """Whether two tensors are the same, but for the last digit of a float."""
    if own.dtype.kind != "f":
        return np.array_equal(np.asarray(found).reshape(own.shape), own)
    return np.allclose(np.asarray(found, own.dtype).reshape(own.shape), own, rtol=1e-5, atol=1e-6)


@EVERY_MODEL
def test_a_model_answers_records_as_its_own_library_does(served: RunningServer, asked: Asked, name: str) -> None:
    """A row for each record, under the names of the outputs."""
    inputs, own = asked[MODELS[name][2]]
    rows = [
        {key: array[row].tolist() for key, array in inputs.items()} for row in range(len(next(iter(inputs.values()))))
    ]
    answer = served.post(f"/models/{name}/predict", {"X": rows})
    assert answer.status_code == 200, answer.text
    for output, array in own.items():
        assert is_same([row[output] for row in answer.json()["result"]], array), (output, answer.text[:300])


@EVERY_MODEL
@pytest.mark.parametrize("how", ["json", "bytes", "grpc"])
def test_a_model_answers_open_inference_as_its_own_library_does(
    served: RunningServer, asked: Asked, ask_triton: Any, name: str, how: str
) -> None:
    """JSON, bytes and gRPC, by somebody else's client."""
    inputs, own = asked[MODELS[name][2]]
    ways = {} if how == "grpc" else {"as_bytes_in": how == "bytes", "as_bytes_out": how == "bytes"}
    found = ask_triton("grpc" if how == "grpc" else "http", served, Question(name, inputs, tuple(own), **ways))
    for output, array in own.items():
        assert is_same(found[output], array), output


def test_the_signature_is_the_models_own(served: RunningServer) -> None:
    """Names, types and shapes, however the file tells them; what is free is so."""
    for name, (_, platform, _) in MODELS.items():
        assert served.get(f"/v2/models/{name}").json()["platform"] == platform
    for name in ("two", "two-exported"):
        two = served.get(f"/v2/models/{name}").json()
        assert [(one["name"], one["datatype"], one["shape"]) for one in two["inputs"]] == [
            ("amount", "FP32", [-1, 1]),
            ("place", "INT64", [-1, 1]),
        ]
        assert {one["name"]: one["shape"] for one in two["outputs"]} == {"all": [-1, 3], "sum": [-1, 1]}
    for name in ("digits", "digits-exported"):
        assert served.get(f"/v2/models/{name}").json()["inputs"][0]["shape"] == [-1, 1, 8, 8]
    assert served.get("/v2/models/words").json()["inputs"][0]["shape"] == [-1, -1, -1]


def test_values_that_a_model_does_not_take_are_the_callers_fault(served: RunningServer) -> None:
    """The sentence is the library's own, without TorchScript's traceback."""
    refused = served.post("/models/two/predict", {"X": [{"amount": [1.0], "place": [9]}]})
    assert refused.status_code == 400 and refused.json()["code"] == "model-refused"
    assert refused.json()["error"] == "The model refused the values: index out of range in self", refused.text


def test_it_says_where_it_computes_and_nothing_else(served: RunningServer) -> None:
    """On stdout the device; on stderr our own lines alone, and rows of every model may share a run."""
    assert served.output.count("PyTorch device: CPU\n") == len(MODELS)
    assert [line for line in served.errors if not line.startswith("{")] == []
    assert sum('"batchable": true' in line for line in served.errors) == len(MODELS)


@pytest.fixture(scope="module")
def tester(python: str, shelf: Shelf, scratch: Path) -> Iterator[RunningServer]:  # noqa: F811
    """A tester with PyTorch."""
    env = {**SURROUNDINGS, "AIRGATE_GATE_SECRET": "gate-secret"}
    with start_tester(shelf, scratch, "--deadline", "120", "--memory-mib", "4096", env=env, python=python) as one:
        wait_for(lambda: one.get("/readyz", "admin").status_code == 200, 600)
        yield one


HOSTILE = {
    "reads.pt": ("dangerous-model-file", "the operation from_file"),
    "writes.pt": ("dangerous-model-file", "the operation save"),
    "target.pt2": ("dangerous-model-file", "'torch.hub.load'"),
    "expression.pt2": ("dangerous-model-file", "__import__"),
    "inputs.pt2": ("dangerous-model-file", "posix.system"),
    "evil.zip": ("bad-model-file", "posix.system"),
    "whole.pt": ("bad-model-file", "a whole model as a pickle"),
    "mlflow-pickle.zip": ("bad-model-file", "a whole model as a pickle"),
    "state.pt": ("bad-model-file", "a state_dict: weights alone"),
    "alone.safetensors": ("bad-model-file", "weights alone"),
    "legacy.pt": ("bad-model-file", "before PyTorch 1.6"),
    "other.zip": ("bad-model-file", "The weights do not fit what make_model() makes"),
    "nested.pt": ("bad-model-file", "'output1' is a tuple, not a tensor"),
    "two.pt": ("bad-model-file", "does not say what sizes its inputs have"),
}


@pytest.mark.parametrize("file", HOSTILE)
def test_a_file_that_would_reach_out_or_holds_no_model_is_refused_in_a_sentence(tester, shelf, made, file) -> None:  # noqa: F811
    """With what to do instead."""
    answer = call(tester, "/inspect", {"digest": shelf.put((made / file).read_bytes()), "filename": file}).json()
    code, words = HOSTILE[file]
    assert answer["code"] == code and words in answer["error"] and answer["hint"], answer
    assert not Path("/tmp/airgate-canary").exists()


def spell(path: Path) -> list[float]:
    """Return a path as the models that reach out take it."""
    return [float(one) for one in str(path).encode()]


def test_what_an_allowed_program_reaches_behind_the_lock_is_nothing(tester, shelf, made, tmp_path) -> None:  # noqa: F811
    """TorchScript can read and write files by name: past the scanner, it finds none. A failed write it keeps silent."""
    secret, canary = tmp_path / "secret", tmp_path / "canary"
    secret.write_bytes(b"12345678")
    answers = {}
    for file, place in (("reads.pt", secret), ("writes.pt", secret), ("writes.pt", canary)):
        digest = shelf.put((made / file).read_bytes())
        body = {"digest": digest, "override": digest, "args": {"X": [{"x": spell(place)}]}}
        answers[file] = call(tester, "/test", body)
    assert answers["reads.pt"].status_code == 422 and "Permission denied" in answers["reads.pt"].text
    assert "device" in answers["writes.pt"].json(), answers["writes.pt"].text
    assert not canary.exists() and secret.read_bytes() == b"12345678"


def test_the_same_programs_reach_files_where_nothing_is_locked(made: Path, python: str, tmp_path: Path) -> None:
    """So the test before this one would notice a lock that holds nothing."""
    (tmp_path / "secret").write_bytes(b"12345678")
    script = (
        "import sys, torch; print(torch.jit.load(sys.argv[1])(torch.tensor([list(map(float, sys.argv[2].encode()))])))"
    )
    said = {}
    for file, name in (("reads.pt", "secret"), ("writes.pt", "canary")):
        words = [python, "-P", "-W", "ignore", "-c", script, str(made / file), str(tmp_path / name)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        said[file] = done.stdout
    assert "49, 50, 51, 52, 53, 54, 55, 56" in said["reads.pt"] and (tmp_path / "canary").exists()


SOURCES = {
    "reads": "open({secret!r}).read()",
    "writes": "open({canary!r}, 'w').close()",
    "runs": "__import__('subprocess').check_call(['touch', {canary!r}])",
    "calls": "__import__('socket').create_connection(('127.0.0.1', {port}), 2)",
    "compiles": "__import__('torch').utils.cpp_extension.load_inline('x', 'int x() {{ return 1; }}', functions=['x'])",
}


@pytest.mark.parametrize("what", SOURCES)
def test_a_source_that_reaches_out_reaches_nothing(tester, shelf, made, tmp_path, what) -> None:  # noqa: F811
    """A person's own program is held by the lock alone."""
    (tmp_path / "secret").write_text("s")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        places = {"secret": str(tmp_path / "secret"), "canary": str(tmp_path / "canary")}
        line = SOURCES[what].format(port=listener.getsockname()[1], **places)
        packed = tmp_path / "m.zip"
        with zipfile.ZipFile(made / "source.zip") as source, zipfile.ZipFile(packed, "w") as target:
            target.writestr("model.py", source.read("net/model.py").decode() + "\n" + line + "\n")
            target.writestr("w.pt", source.read("net/weights.pt"))
        answer = call(tester, "/inspect", {"digest": shelf.put(packed.read_bytes()), "filename": "m.zip"}).json()
    assert answer["code"] == "bad-model-file" and "fails when it starts" in answer["error"], answer
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("file", ["iris.pt", "two.pt2", "source.tar.gz", "mlflow.zip"])
def test_the_sample_of_a_signature_is_a_test_that_works(tester, shelf, made, file) -> None:  # noqa: F811
    """What the page fills in can be sent; versions in the file and here are shown."""
    digest = shelf.put((made / file).read_bytes())
    seen = call(tester, "/inspect", {"digest": digest, "filename": file}).json()
    assert seen["format"] == "pytorch" and "Landlock" in seen["lock"] and "seccomp" in seen["lock"]
    told = {one["name"]: one["in_file"] for one in seen["libraries"]}["torch"]
    assert bool(told) == (file in ("two.pt2", "mlflow.zip"))
    done = call(tester, "/test", {"digest": digest, "args": seen["sample"]}).json()
    assert done["stdout"] == "PyTorch device: CPU\n" and done["stderr"] == "" and len(done["result"]) == 1


def test_whole_files_of_rows_are_answered(made: Path, python: str, tmp_path: Path) -> None:
    """By `airgate-serve batch`, in a fork behind the lock."""
    (tmp_path / "rows.jsonl").write_text('{"input": [5.1, 3.5, 1.4, 0.2]}\n{"input": [6.2, 3.4, 5.4, 2.3]}\n')
    words = [
        "batch",
        str(made / "iris.pt"),
        "--rows",
        str(tmp_path / "rows.jsonl"),
        "--to",
        str(tmp_path / "out.jsonl"),
    ]
    done = run_command(*words, env=SURROUNDINGS, python=python)
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 2

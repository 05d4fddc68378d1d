"""SavedModels of TensorFlow 1, and of several signatures, made and answered by TensorFlow, asked through the server."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import schemathesis
from hypothesis import given

from airgate_protocols import open_inference_pb2 as pb
from airgate_protocols import open_inference_pb2_grpc as service
from airgate_serving.errors import DangerousModelFile
from airgate_serving.fetch import compute_digest
from airgate_serving.formats.tensorflow_graph import read_facts, require_calm
from tests.kit.chromium import run_chromium
from tests.serving.apart import SURROUNDINGS, Asked, make_models, read_asked
from tests.serving.server import RunningServer, start_server
from tests.serving.test_pages import CHECKS, MODES, SETTINGS
from tests.serving.test_tensorflow import is_same, python, tester  # noqa: F401 - fixtures
from tests.serving.test_tester import Shelf, call, scratch, shelf  # noqa: F401 - fixtures
from tests.serving.triton import Question

pytestmark = [pytest.mark.process, pytest.mark.timeout(300)]  # TensorFlow alone takes seconds to import

MODELS = {
    **{name: f"{name}.zip" for name in ("session", "several", "undecided", "default")},
    "references": "references",
}
ASKED = [
    *(
        f"{name}/{function}"
        for name in ("session", "references")
        for function in ("predict", "predict_signature", "look")
    ),
    *(f"several/{function}" for function in ("predict", "total", "a%20b", "towers/all%20%C3%BC")),
    *("undecided/total", "undecided/a%20b", "default/predict"),
]


@pytest.fixture(scope="module")
def made(python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """The folder of the models that TensorFlow made."""
    return make_models(python, "make_sessions.py", tmp_path_factory.mktemp("sessions"), 110)


@pytest.fixture(scope="module")
def asked(made: Path) -> Asked:
    """What sessions and functions themselves were asked, and answered."""
    return read_asked(made)


@pytest.fixture(scope="module")
def served(made: Path, python: str) -> Iterator[RunningServer]:  # noqa: F811
    """All of them in one server; the words that tables were filled from lie elsewhere no more."""
    (made / "words.txt").rename(made / "moved.txt")
    (first, file), *others = MODELS.items()
    also = []
    for name, other in others:
        digest = compute_digest(made / other) if (made / other).is_file() else f"sha256:{'0' * 64}"
        also += ["--also", name, "1", digest, "tensorflow", str(made / other)]
    with start_server(made / file, *also, name=first, env=SURROUNDINGS, python=python) as server:
        yield server


@pytest.mark.parametrize("what", ASKED)
def test_every_signature_answers_as_tensorflow_does(served: RunningServer, asked: Asked, what: str) -> None:
    """The usual one under /predict, every other under its own name: variables, words and all."""
    inputs, own = asked[what]
    rows = [{name: array[row].tolist() if array.ndim > 1 else array[row] for name, array in inputs.items()}
            for row in range(len(next(iter(inputs.values()))))]  # fmt: skip
    answer = served.post(f"/models/{what}", {"X": rows})
    assert answer.status_code == 200, answer.text
    found = answer.json()["result"]
    assert set(found[0]) == set(own)
    for output, array in own.items():
        assert is_same([row[output] for row in found], array), (output, answer.text[:300])


@pytest.mark.parametrize("how", ["json", "bytes", "grpc"])
@pytest.mark.parametrize("name", ["session", "references", "several"])
def test_open_inference_asks_the_usual_signature(
    served: RunningServer, asked: Asked, ask_triton: Any, name: str, how: str
) -> None:
    """By somebody else's client."""
    inputs, own = asked[f"{name}/predict"]
    ways = {} if how == "grpc" else {"as_bytes_in": how == "bytes", "as_bytes_out": how == "bytes"}
    found = ask_triton("grpc" if how == "grpc" else "http", served, Question(name, inputs, tuple(own), **ways))
    assert all(is_same(found[output], array) for output, array in own.items())


def test_metadata_and_the_document_tell_of_every_function(served: RunningServer) -> None:
    """With inputs and outputs of its own; what has tensors of other kinds is left out."""
    seen = served.get("/v2/models/several").json()
    assert [one["name"] for one in seen["inputs"]] == ["x"]
    described = seen["parameters"]["functions"]
    assert set(described) == {"a b", "total", "towers/all ü"}
    assert described["total"]["outputs"] == [{"name": "sum", "datatype": "FP32", "shape": [-1]}]
    paths = served.get("/models/several/openapi.json").json()["paths"]
    functions = ("/predict", "/a%20b", "/total", "/towers/all%20%C3%BC")
    assert {*functions, "/v2/models/several/infer"} <= set(paths)
    for path in functions:
        example = paths[path]["post"]["requestBody"]["content"]["application/json"]["example"]
        assert served.post(f"/models/several{path}", example).status_code == 200, path


def test_what_cannot_be_called_is_said_with_the_reason(tester, shelf: Shelf, made: Path) -> None:  # noqa: F811
    """Where the file is looked at, and on the stdout of its test: tensors of other kinds, a name that is no path."""
    digest = shelf.put((made / "several.zip").read_bytes())
    seen = call(tester, "/inspect", {"digest": digest, "filename": "several.zip"}).json()
    unsent, complex_ = seen["warnings"]
    assert unsent.startswith(
        "The signature 'towers//all' cannot be called. The name 'towers//all' cannot stand in a pa"
    )
    assert complex_.startswith("The signature 'turn' cannot be called. ")
    done = call(tester, "/test", {"digest": digest, "args": seen["sample"]}).json()
    assert all(f"Warning: {warning}\n" in done["stdout"] for warning in seen["warnings"])


@pytest.mark.parametrize("mode", MODES)
def test_whatever_the_document_allows_or_forbids_a_function_is_answered_as_it_says(served: RunningServer, mode) -> None:
    """As for predict: no 5xx, and no answer of another form than promised."""
    document = schemathesis.openapi.from_url(served.url("/models/several/openapi.json"))
    operations = list(document.include(path=["/total", "/a%20b"]).get_all_operations())
    assert len(operations) == 2
    for found in operations:

        @given(case=found.ok().as_strategy(generation_mode=mode))
        @SETTINGS
        def try_it(case: Any) -> None:
            answer = case.call(base_url=served.url("/models/several"), timeout=20)
            case.validate_response(answer, checks=CHECKS)

        try_it()


def test_grpc_tells_of_every_function_too(served: RunningServer) -> None:
    """As a property of the model, in JSON."""
    with grpc.insecure_channel(f"127.0.0.1:{served.ports['grpc']}") as channel:
        said = service.GRPCInferenceServiceStub(channel).ModelMetadata(pb.ModelMetadataRequest(name="several"))
    assert json.loads(said.properties["function.total"])["outputs"][0]["name"] == "sum"


def test_a_model_without_a_usual_signature_says_which_there_are(served: RunningServer) -> None:
    """Over every door, and how to ask them; those answer."""
    x = {"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}
    for path, body in (
        ("/models/undecided/predict", {"X": [[1, 2, 3]]}),
        ("/v2/models/undecided/infer", {"inputs": [x]}),
    ):
        refused = served.post(path, body)
        assert refused.status_code == 400, refused.text
        assert refused.json()["hint"] == "Ask one of its functions: POST /a%20b, /total."
    assert set(served.get("/models/undecided/openapi.json").json()["paths"]) >= {"/a%20b", "/total"}
    unknown = served.post("/models/undecided/other", {"X": [[1, 2, 3]]})
    assert unknown.status_code == 404 and "a b, total" in unknown.json()["hint"]


def test_values_that_a_function_does_not_take_are_the_callers_fault(served: RunningServer) -> None:
    """In the words of its own inputs."""
    refused = served.post("/models/session/look", {"X": [{"x": 1}]})
    assert refused.status_code == 400 and "word" in refused.json()["error"], refused.text


def test_functions_are_counted_apart(served: RunningServer) -> None:
    """In the metrics each has times and answers of its own."""
    served.post("/models/session/look", {"X": [{"word": "red"}]})
    page = served.get("/metrics", "admin").text
    assert 'airgate_requests_total{door="records",function="look",model="session",status="200",version="1"}' in page
    assert 'airgate_stage_seconds_count{function="look",model="session",stage="compute",version="1"}' in page


@pytest.mark.browser
@pytest.mark.parametrize("name", ["several", "undecided"])
def test_a_person_chooses_the_function_on_the_page(served: RunningServer, name: str) -> None:
    """Its own fields appear, and the answer is its own."""
    with run_chromium() as browser:
        page = browser.new_page()
        page.goto(served.url(f"/models/{name}/"))
        page.select_option("select", label="total")
        page.locator("#curl", has_text="/total").wait_for()
        page.click("button")
        page.locator("#answer", has_text="sum").wait_for()


def test_nothing_of_tensorflows_own_is_said(served: RunningServer) -> None:
    """Variables by reference make it warn; our log is ours."""
    assert [line for line in served.errors if not line.startswith("{")] == []


def test_a_test_may_ask_any_function(tester, shelf: Shelf, made: Path) -> None:  # noqa: F811
    """With the sample that came with it."""
    digest = shelf.put((made / "session.zip").read_bytes())
    seen = call(tester, "/inspect", {"digest": digest, "filename": "session.zip"}).json()
    assert seen["functions"] == ["predict", "look", "predict_signature"] and "Landlock" in seen["lock"]
    args = seen["further"]["look"]["sample"]
    assert args == {"X": [{"word": "a"}]}
    done = call(tester, "/test", {"digest": digest, "function": "look", "args": args}).json()
    assert done["result"] == [{"place": -1}] and done["stderr"] == "", done


def test_a_model_without_a_graph_to_serve_says_which_there_are(tester, shelf: Shelf, made: Path) -> None:  # noqa: F811
    """By their tags."""
    digest = shelf.put((made / "training.zip").read_bytes())
    seen = call(tester, "/inspect", {"digest": digest, "filename": "training.zip"}).json()
    assert seen["error"] == "The SavedModel has no graph with the tag serve; it has train; eval, gpu."


HOSTILE = {
    "v1-reads": "ReadFile",
    "v1-writes-first": "WriteFile",
    "v1-restores": "RestoreV2",
    "v1-restores-first": "RestoreV2",
    "v1-restores-other": "RestoreV2",
    "v1-saves": "MergeV2Checkpoints",
    "v1-saves-sparse": "MergeV2Checkpoints",
    "v1-saves-at-restore": "MergeV2Checkpoints",
    "v1-words": "InitializeTableFromTextFileV2",
    "v1-words-when-asked": "InitializeTableFromTextFileV2",
}


@pytest.mark.parametrize("program", HOSTILE)
def test_a_session_that_reaches_out_is_refused_with_the_operations_name(made: Path, program: str) -> None:
    """Whether it would when it is opened or when it is asked; its saver may be there and may restore its variables."""
    with pytest.raises(DangerousModelFile, match=HOSTILE[program]):
        require_calm(read_facts((made / f"{program}.pb").read_bytes()))


def test_a_session_that_was_allowed_still_finds_no_other_file(tester, shelf: Shelf, made: Path) -> None:  # noqa: F811
    """Past the scanner the lock holds."""
    shutil.make_archive(str(made / "allowed"), "zip", made, "v1-reads")
    digest = shelf.put((made / "allowed.zip").read_bytes())
    asked = {"digest": digest, "override": digest, "args": {"X": [{"x": [1.0, 2.0, 3.0]}]}}
    answer = call(tester, "/test", asked).json()
    assert "result" not in answer and "denied" in answer["error"].lower(), answer

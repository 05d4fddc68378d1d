"""Open Inference by a client that nobody here wrote: tritonclient over HTTP (JSON, bytes) and gRPC, on real servers."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnxruntime
import pytest

from tests.serving import triton
from tests.serving.models import CLASSES, WIDTH
from tests.serving.server import RunningServer, start_server
from tests.serving.triton import Question, Refused

pytestmark = pytest.mark.process

ROWS = np.linspace(-1, 1, 3 * WIDTH, dtype=np.float32).reshape(3, WIDTH)
WAYS = [
    ("http", True, True),
    ("http", False, False),
    ("http", True, False),
    ("http", False, True),
    ("grpc", None, None),
]
Ask = Callable[[str, RunningServer, Question], dict[str, Any]]


@pytest.fixture(scope="module")
def fruit_server(model_folder) -> Iterator[RunningServer]:
    """A classifier of a text column and a number column, served."""
    with start_server(model_folder / "fruit.pkl", name="fruit") as server:
        yield server


@pytest.mark.parametrize(("door", "sent", "wanted"), WAYS)
def test_every_way_of_the_protocol_gives_the_models_own_floats(
    mlp_server, model_folder, ask_triton: Ask, door, sent, wanted
) -> None:
    """JSON or bytes, in or out, HTTP or gRPC: the floats are those of ONNX Runtime, bit by bit."""
    found = ask_triton(door, mlp_server, Question("mlp", {"x": ROWS}, ("y",), sent, wanted))["y"]
    session = onnxruntime.InferenceSession(str(model_folder / "mlp.onnx"))
    assert found.shape == (3, CLASSES) and found.dtype == np.float32
    assert found.tobytes() == session.run(None, {"x": ROWS})[0].tobytes()


@pytest.mark.parametrize(("door", "sent", "wanted"), WAYS)
def test_texts_go_every_way(fruit_server, ask_triton: Ask, door, sent, wanted) -> None:
    """Texts come as texts and go as texts, in every form that the protocol has for them."""
    columns = {"colour": np.array(["red", "yellow"], dtype=object), "grams": np.array([12.0, 118.0])}
    question = Question("fruit", columns, ("PredictedValue",), sent, wanted)
    found = ask_triton(door, fruit_server, question)["PredictedValue"]
    assert [text.decode() if isinstance(text, bytes) else text for text in found] == ["cherry", "banana"]


@pytest.fixture(scope="module")
def texts_server(model_folder) -> Iterator[RunningServer]:
    """An ONNX model of rows of two texts, served."""
    with start_server(model_folder / "texts.onnx", name="texts") as server:
        yield server


TEXTS = [["", "straße"], ["漢字 🙂", 'a "b",\n{}'], ["x" * 70_000, "null"]]


@pytest.mark.parametrize(("door", "sent", "wanted"), WAYS)
def test_texts_of_onnx_come_back_to_the_letter(texts_server, ask_triton: Ask, door, sent, wanted) -> None:
    """Nothing in them, many bytes a letter, marks of JSON, and many letters."""
    question = Question("texts", {"texts": np.array(TEXTS, dtype=object)}, ("turned",), sent, wanted)
    found = ask_triton(door, texts_server, question)["turned"]
    assert found.shape == (3, 2)
    texts = [text.decode() if isinstance(text, bytes) else text for text in found.reshape(-1)]
    assert texts == [text for row in TEXTS for text in reversed(row)]


def test_texts_of_onnx_are_the_same_in_records_and_split_data(texts_server) -> None:
    """The doors of rows have the same letters; what is no text, or half a row, is a sentence."""
    turned = [row[::-1] for row in TEXTS]
    answer = texts_server.post("/predict", {"X": [{"texts": row} for row in TEXTS]}).json()["result"]
    assert [row["turned"] for row in answer] == turned
    split = {"columns": ["first", "second"], "data": TEXTS}
    assert texts_server.post("/predict", {"X": split}).json()["result"]["data"] == [[row] for row in turned]
    refused = texts_server.post("/predict", {"X": [{"texts": ["a", 1]}]})
    assert refused.status_code == 400 and "takes texts" in refused.json()["error"]
    assert "has the shape" in texts_server.post("/predict", {"X": [{"texts": ["a"]}]}).json()["error"]


@pytest.mark.parametrize("door", ["http", "grpc"])
def test_health_and_metadata_are_what_the_client_expects(mlp_server, grpc_process, door) -> None:
    """The client finds out by itself what is served."""
    address = f"127.0.0.1:{mlp_server.ports[door]}"
    found = (
        triton.describe_http(address, "mlp") if door == "http" else grpc_process.call("describe_grpc", address, "mlp")
    )
    assert found["live"] and found["ready"] and found["model_ready"] and found["server"]["name"] == "airgate-serve"
    assert [int(size) for size in found["model"]["inputs"][0]["shape"]] == [-1, WIDTH]
    assert found["model"]["outputs"][0]["datatype"] == "FP32"


@pytest.mark.parametrize("door", ["http", "grpc"])
def test_a_refusal_reaches_the_client_as_its_own_error(mlp_server, ask_triton: Ask, door) -> None:
    """The client raises its own exception, with our sentence in it."""
    with pytest.raises(Refused, match=r"the model takes \[-1, 64\]"):
        ask_triton(door, mlp_server, Question("mlp", {"x": np.zeros((1, 3), dtype=np.float32)}, ("y",)))
    with pytest.raises(Refused, match="There is no"):
        ask_triton(door, mlp_server, Question("nobody", {"x": ROWS}, ("y",)))

"""Open Inference by a client that nobody here wrote: tritonclient over HTTP (JSON, bytes) and gRPC, on real servers."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import onnxruntime
import pytest
import tritonclient.grpc as by_grpc
import tritonclient.http as by_http

from tests.serving.models import CLASSES, WIDTH
from tests.serving.server import RunningServer, start_server

pytestmark = pytest.mark.process

ROWS = np.linspace(-1, 1, 3 * WIDTH, dtype=np.float32).reshape(3, WIDTH)
WAYS = [(by_http, True, True), (by_http, False, False), (by_http, True, False), (by_http, False, True)]


@pytest.fixture(scope="module")
def fruit_server(model_folder) -> Iterator[RunningServer]:
    """A classifier of a text column and a number column, served."""
    with start_server(model_folder / "fruit.pkl", name="fruit") as server:
        yield server


@pytest.fixture(scope="module")
def clients() -> Iterator[Any]:
    """Makes a client of a server; all are closed at the end."""
    with ExitStack() as stack:

        def make(kind: Any, server: RunningServer) -> Any:
            port = server.ports["grpc" if kind is by_grpc else "http"]
            client = kind.InferenceServerClient(f"127.0.0.1:{port}")
            stack.callback(client.close)
            return client

        yield make


def ask(client: Any, kind: Any, model: str, arrays: dict[str, Any], names: list[str], **ways: bool) -> dict[str, Any]:
    """Send arrays and return the outputs; `sent` and `wanted` say whether they travel as bytes, over HTTP."""
    inputs = []
    for name, array in arrays.items():
        datatype = {"f": "FP32", "d": "FP64", "O": "BYTES"}[array.dtype.char]
        tensor = kind.InferInput(name, list(array.shape), datatype)
        tensor.set_data_from_numpy(array, **({"binary_data": ways["sent"]} if "sent" in ways else {}))
        inputs.append(tensor)
    asked = {"binary_data": ways["wanted"]} if "wanted" in ways else {}
    outputs = [kind.InferRequestedOutput(name, **asked) for name in names]
    answer = client.infer(model, inputs, outputs=outputs, request_id="7")
    return {name: answer.as_numpy(name) for name in names}


@pytest.mark.parametrize(("kind", "sent", "wanted"), [*WAYS, (by_grpc, None, None)])
def test_every_way_of_the_protocol_gives_the_models_own_floats(
    mlp_server, model_folder, clients, kind, sent, wanted
) -> None:
    """JSON or bytes, in or out, HTTP or gRPC: the floats are those of ONNX Runtime, bit by bit."""
    ways = {} if sent is None else {"sent": sent, "wanted": wanted}
    found = ask(clients(kind, mlp_server), kind, "mlp", {"x": ROWS}, ["y"], **ways)["y"]
    session = onnxruntime.InferenceSession(str(model_folder / "mlp.onnx"))
    assert found.shape == (3, CLASSES) and found.dtype == np.float32
    assert found.tobytes() == session.run(None, {"x": ROWS})[0].tobytes()


@pytest.mark.parametrize(("kind", "sent", "wanted"), [*WAYS, (by_grpc, None, None)])
def test_texts_go_every_way(fruit_server, clients, kind, sent, wanted) -> None:
    """Texts come as texts and go as texts, in every form that the protocol has for them."""
    ways = {} if sent is None else {"sent": sent, "wanted": wanted}
    columns = {"colour": np.array(["red", "yellow"], dtype=object), "grams": np.array([12.0, 118.0])}
    found = ask(clients(kind, fruit_server), kind, "fruit", columns, ["PredictedValue"], **ways)["PredictedValue"]
    assert [text.decode() if isinstance(text, bytes) else text for text in found] == ["cherry", "banana"]


@pytest.mark.parametrize("kind", [by_http, by_grpc])
def test_health_and_metadata_are_what_the_client_expects(mlp_server, clients, kind) -> None:
    """The client finds out by itself what is served."""
    client = clients(kind, mlp_server)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("mlp", "1")
    asked = {"as_json": True} if kind is by_grpc else {}
    assert client.get_server_metadata(**asked)["name"] == "airgate-serve"
    metadata = client.get_model_metadata("mlp", **asked)
    assert [int(size) for size in metadata["inputs"][0]["shape"]] == [-1, WIDTH]
    assert metadata["outputs"][0]["datatype"] == "FP32"


@pytest.mark.parametrize("kind", [by_http, by_grpc])
def test_a_refusal_reaches_the_client_as_its_own_error(mlp_server, clients, kind) -> None:
    """The client raises its own exception, with our sentence in it."""
    narrow = np.zeros((1, 3), dtype=np.float32)
    error = by_http.InferenceServerException if kind is by_http else by_grpc.InferenceServerException
    with pytest.raises(error, match=r"the model takes \[-1, 64\]"):
        ask(clients(kind, mlp_server), kind, "mlp", {"x": narrow}, ["y"])
    with pytest.raises(error, match="There is"):
        ask(clients(kind, mlp_server), kind, "nobody", {"x": ROWS}, ["y"])

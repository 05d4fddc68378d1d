"""Open Inference over gRPC, by the protocol's own stubs on real servers."""

from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest

from airgate_protocols import open_inference_pb2 as pb
from airgate_protocols import open_inference_pb2_grpc as service
from tests.serving.models import CLASSES, WIDTH
from tests.serving.server import RunningServer, start_server

pytestmark = pytest.mark.process

ROW = [round(0.01 * place, 2) for place in range(WIDTH)]


@pytest.fixture(scope="module")
def stub(mlp_server: RunningServer) -> Iterator[Any]:
    """A client of the small network."""
    with grpc.insecure_channel(f"127.0.0.1:{mlp_server.ports['grpc']}") as channel:
        yield service.GRPCInferenceServiceStub(channel)


def make_request(**more: Any) -> pb.ModelInferRequest:
    """Return a request of one row, typed unless it has raw contents."""
    tensor = pb.ModelInferRequest.InferInputTensor(name="x", datatype="FP32", shape=[1, WIDTH])
    if "raw_input_contents" not in more:
        tensor.contents.fp32_contents.extend(ROW)
    return pb.ModelInferRequest(model_name="mlp", inputs=[tensor], id="7", **more)


def test_grpc_gives_the_floats_of_http_typed_and_raw(stub: Any, mlp_server: RunningServer) -> None:
    """The door does not change a digit."""
    typed = stub.ModelInfer(make_request())
    raw = stub.ModelInfer(make_request(raw_input_contents=[np.array(ROW, dtype="<f4").tobytes()]))
    body = {"inputs": [{"name": "x", "shape": [1, WIDTH], "datatype": "FP32", "data": ROW}]}
    by_http = mlp_server.post("/v2/models/mlp/infer", body).json()["outputs"][0]["data"]
    wanted = np.array(by_http, dtype=np.float32).tolist()
    assert list(typed.outputs[0].contents.fp32_contents) == wanted and typed.id == "7"
    assert np.frombuffer(raw.raw_output_contents[0], dtype="<f4").tolist() == wanted
    assert list(typed.outputs[0].shape) == [1, CLASSES]


def test_grpc_tells_health_and_signature(stub: Any) -> None:
    """Any client of the protocol can find out what is here."""
    assert stub.ServerLive(pb.ServerLiveRequest()).live and stub.ServerReady(pb.ServerReadyRequest()).ready
    assert stub.ModelReady(pb.ModelReadyRequest(name="mlp", version="1")).ready
    assert stub.ServerMetadata(pb.ServerMetadataRequest()).name == "airgate-serve"
    metadata = stub.ModelMetadata(pb.ModelMetadataRequest(name="mlp"))
    assert list(metadata.inputs[0].shape) == [-1, WIDTH] and metadata.properties["device"] == "CPU"


@pytest.mark.parametrize(
    ("request_", "status", "says"),
    [
        (pb.ModelInferRequest(model_name="other"), grpc.StatusCode.NOT_FOUND, "There is mlp"),
        (pb.ModelInferRequest(model_name="mlp"), grpc.StatusCode.INVALID_ARGUMENT, "takes 'x'"),
        (make_request(raw_input_contents=[b"123"]), grpc.StatusCode.INVALID_ARGUMENT, "whole elements"),
        (make_request(raw_input_contents=[b"", b""]), grpc.StatusCode.INVALID_ARGUMENT, "raw_input_contents"),
        (
            make_request(outputs=[pb.ModelInferRequest.InferRequestedOutputTensor(name="z")]),
            grpc.StatusCode.INVALID_ARGUMENT,
            "no output 'z'",
        ),
    ],
)
def test_grpc_refuses_with_a_status_and_a_sentence(stub: Any, request_: Any, status: Any, says: str) -> None:
    """A wrong call is never INTERNAL."""
    with pytest.raises(grpc.RpcError) as caught:
        stub.ModelInfer(request_)
    assert caught.value.code() == status and says in caught.value.details()  # type: ignore[attr-defined]


def test_texts_and_whole_numbers_go_typed(model_folder: Any) -> None:
    """Every typed field has its place."""
    make = pb.ModelInferRequest.InferInputTensor
    colour = make(name="colour", datatype="BYTES", shape=[1])
    colour.contents.bytes_contents.append(b"red")
    grams = make(name="grams", datatype="FP64", shape=[1])
    grams.contents.fp64_contents.append(12.0)
    request = pb.ModelInferRequest(model_name="fruit", inputs=[colour, grams])
    with (
        start_server(model_folder / "fruit.pkl", name="fruit") as server,
        grpc.insecure_channel(f"127.0.0.1:{server.ports['grpc']}") as channel,
    ):
        answer = service.GRPCInferenceServiceStub(channel).ModelInfer(request)
    assert list(answer.outputs[0].contents.bytes_contents) == [b"cherry"]

"""The digits model over gRPC beside a bare echo, and over HTTP at a fixed rate beside a lean FastAPI."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy
import onnxruntime

from airgate_protocols import open_inference_pb2 as pb
from airgate_protocols import open_inference_pb2_grpc as rpc
from tests.bench.clients import run_ghz, run_vegeta
from tests.bench.figures import Figure, find_median
from tests.bench.load import RUNS, Load, run_server, wait_until
from tests.bench.serving_tiers import run_fastapi_on, run_ours_on
from tests.gateway.rig import find_free_port

CONNECTIONS = (1, 32)
ECHO, LEAN = "bare grpcio echo", "grpcio with ONNX Runtime alone"
RATE = 2000  # requests a second of the open loop: what each of the two can do
ROW = numpy.array([[float(i % 17) for i in range(64)]], dtype=numpy.float32)


def find_figures(model: Path, body: bytes) -> list[Figure]:
    """Measure `model`: gRPC with the tensor as bytes, and `body` (JSON) at RATE."""
    return [*measure_grpc(model), *measure_open_loop(model, body)]


def measure_grpc(model: Path) -> list[Figure]:
    """Return rate, p50 and p99 of ours beside the echo, and beside grpcio with ONNX Runtime and nothing else."""
    request = make_request().SerializeToString()
    loads: dict[str, dict[int, list[Load]]] = {}
    for name, server in (("ours", run_ours_grpc(model)), (ECHO, run_grpcio()), (LEAN, run_grpcio(model))):
        with server as address:
            loads[name] = {count: [run_ghz(address, request, count) for _ in range(RUNS)] for count in CONNECTIONS}
    figures = []
    for count in CONNECTIONS:
        ours = loads["ours"][count]
        assert not sum(load.errors for load in ours), "requests failed"
        label = f"gRPC, 64 floats, {count} connection{'s' if count > 1 else ''}"
        for what, unit in (("rate", "1/s"), ("p50", "ms"), ("p99", "ms")):
            limit = {
                name: find_median("", "", [getattr(load, what) for load in loads[name][count]]).ours
                for name in (ECHO, LEAN)
            }
            goal = f">= 0.85 of {ECHO}" if what == "rate" else ""
            values = [getattr(load, what) for load in ours]
            figures.append(find_median(f"{label}: {what}", unit, values, limit=limit, goal=goal))
    return figures


def measure_open_loop(model: Path, body: bytes) -> list[Figure]:
    """Return p50 and p99 of ours beside the peer; a slow answer makes nobody ask later."""
    loads: dict[str, list[Load]] = {}
    servers = (("ours", run_ours_on(model, "digits")), ("FastAPI, lean", run_fastapi_on(model)))
    for name, server in servers:
        with server as url:
            loads[name] = [run_vegeta(url, body, RATE) for _ in range(RUNS)]
    assert not sum(load.errors for load in loads["ours"]), "requests failed"
    figures = []
    for what in ("p50", "p99"):
        peer = find_median("", "", [getattr(load, what) for load in loads["FastAPI, lean"]]).ours
        values = [getattr(load, what) for load in loads["ours"]]
        label = f"JSON, 64 floats, open loop of {RATE:,} requests/s: {what}"
        figures.append(find_median(label, "ms", values, peers={"FastAPI, lean": peer}))
    return figures


def make_request() -> pb.ModelInferRequest:
    """Return the request, its tensor as bytes."""
    tensor = pb.ModelInferRequest.InferInputTensor(name="pixels", datatype="FP32", shape=[1, 64])
    return pb.ModelInferRequest(model_name="digits", inputs=[tensor], raw_input_contents=[ROW.tobytes()])


@contextlib.contextmanager
def run_ours_grpc(model: Path) -> Iterator[str]:
    """Run ours; yield its gRPC address once it answers what ONNX Runtime answers."""
    port = find_free_port()
    with run_ours_on(model, "digits", port):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            answer = rpc.GRPCInferenceServiceStub(channel).ModelInfer(make_request(), timeout=10)
        session = onnxruntime.InferenceSession(str(model))
        expected = dict(zip([o.name for o in session.get_outputs()], session.run(None, {"pixels": ROW}), strict=True))
        for output, raw in zip(answer.outputs, answer.raw_output_contents, strict=True):
            numbers = numpy.frombuffer(raw, dtype=expected[output.name].dtype)
            numpy.testing.assert_allclose(numbers, numpy.ravel(expected[output.name]), rtol=1e-5, atol=1e-7)
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def run_grpcio(*model: Path) -> Iterator[str]:
    """Run the echo, or a server that runs `model` and does nothing else; yield its address."""
    port = find_free_port()
    with run_server("grpcio", [sys.executable, "-m", "tests.bench.peers.grpc_echo", str(port), *map(str, model)], ""):
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            wait_until("grpcio answers", lambda: is_ready(channel))
        yield f"127.0.0.1:{port}"


def is_ready(channel: grpc.Channel) -> bool:
    """Return whether the other end is there."""
    try:
        grpc.channel_ready_future(channel).result(timeout=1)
    except grpc.FutureTimeoutError:
        return False
    return True

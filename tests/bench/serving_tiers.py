"""The heavier tiers: boosted trees of 30 columns (1 and 100 rows) and an image network (JSON and bytes).

The same ONNX file in ours and in a lean FastAPI, outputs compared first; the limit is ONNX Runtime in a loop without
any server, on the same core. The networks are the graphs of the `onnx` wheel, SqueezeNet and ResNet-50, whose weights
are constants: a request brings 600 KB, and what it costs to receive them is a quarter of SqueezeNet's own time.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import httpx
import numpy
import onnx
import onnxruntime
import xgboost
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from sklearn.datasets import load_breast_cancer

from tests.bench.figures import Figure, find_median
from tests.bench.load import RUNS, SERVER_CORE, Load, run_load, run_server
from tests.gateway.rig import find_free_port

FOLDER = Path("build/bench/serving")
NETWORKS = Path(onnx.__file__).parent / "backend/test/data/light"
SMALL, LARGE = NETWORKS / "light_squeezenet.onnx", NETWORKS / "light_resnet50.onnx"
LENGTH = "inference-header-content-length"
RAW_SECONDS = 2.0
GOALS = {"image for ResNet-50, bytes": ">= 0.95 of ONNX Runtime in a loop"}


@dataclass(frozen=True, slots=True)
class Tier:
    """One kind of request: the model, the rows, the bytes that carry them."""

    name: str
    model: Path
    rows: numpy.ndarray
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    connections: int = 8


def find_figures() -> list[Figure]:
    """Measure every tier: the loop, ours, the peer, in turn."""
    return [figure for tier in make_tiers() for figure in measure_tier(tier)]


def make_tiers() -> list[Tier]:
    """Return the tiers with their models written."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    trees, rows = write_trees(FOLDER / "trees.onnx")
    image = numpy.random.default_rng(0).random((1, 3, 224, 224), dtype=numpy.float32)
    onnxruntime.set_default_logger_severity(3)
    small, large = find_input(SMALL), find_input(LARGE)
    return [
        replace(make_json_tier("trees, 1 row", trees, "X", rows[:1]), connections=32),
        replace(make_json_tier("trees, 100 rows", trees, "X", rows[:100]), connections=32),
        make_json_tier("image for SqueezeNet, JSON", SMALL, small, image),
        make_bytes_tier("image for SqueezeNet, bytes", SMALL, small, image),
        make_bytes_tier("image for ResNet-50, bytes", LARGE, large, image),
    ]


def find_input(model: Path) -> str:
    """Return the name of a model's first input."""
    return str(onnxruntime.InferenceSession(str(model)).get_inputs()[0].name)


def write_trees(path: Path) -> tuple[Path, numpy.ndarray]:
    """Write a hundred boosted trees as ONNX and return the path and the rows they know."""
    rows, label = load_breast_cancer(return_X_y=True)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 6}, xgboost.DMatrix(rows, label), 100)
    model = convert_xgboost(booster, initial_types=[("X", FloatTensorType([None, rows.shape[1]]))])
    path.write_bytes(model.SerializeToString())
    return path.absolute(), rows.astype(numpy.float32)


def make_json_tier(name: str, model: Path, tensor: str, rows: numpy.ndarray) -> Tier:
    """Return a tier whose request is JSON."""
    described = {"name": tensor, "shape": rows.shape, "datatype": "FP32", "data": rows.reshape(-1).tolist()}
    return Tier(name, model, rows, json.dumps({"inputs": [described]}).encode())


def make_bytes_tier(name: str, model: Path, tensor: str, rows: numpy.ndarray) -> Tier:
    """Return a tier whose request carries the tensor as bytes."""
    raw = rows.tobytes()
    described = {"name": tensor, "shape": rows.shape, "datatype": "FP32", "parameters": {"binary_data_size": len(raw)}}
    head = json.dumps({"inputs": [described]}).encode()
    return Tier(name, model, rows, head + raw, {LENGTH: str(len(head))})


def measure_tier(tier: Tier) -> list[Figure]:
    """Return rate, p50 and p99 of ours beside the peer and the loop, which takes its turn after each load."""
    raws: list[float] = []
    loads: dict[str, list[Load]] = {"ours": [], "FastAPI, lean": []}
    answers: dict[str, list[float]] = {}
    for name, server in (("ours", run_ours_on(tier.model, "tier")), ("FastAPI, lean", run_fastapi_on(tier.model))):
        with server as url:
            answers[name] = ask(url, tier)
            drain = partial(ask, url, tier)
            for _ in range(RUNS):
                loads[name].append(run_load(url, tier.body, tier.connections, tier.headers, drain))
                drain()
                raws.append(measure_raw(tier))
    numpy.testing.assert_allclose(answers["ours"], answers["FastAPI, lean"], rtol=1e-4, atol=1e-6)
    assert not sum(load.errors for load in loads["ours"]), "requests failed"
    label = f"{tier.name}, {tier.connections} connections"

    def figure(what: str, unit: str, **more: object) -> Figure:
        peer = find_median("", "", [getattr(load, what) for load in loads["FastAPI, lean"]]).ours
        values = [getattr(load, what) for load in loads["ours"]]
        return find_median(f"{label}: {what}", unit, values, peers={"FastAPI, lean": peer}, **more)

    limit = {"ONNX Runtime in a loop": find_median("", "", raws).ours}
    rate = figure("rate", "1/s", limit=limit, goal=GOALS.get(tier.name, ""))
    return [rate, figure("p50", "ms"), figure("p99", "ms")]


def ask(url: str, tier: Tier) -> list[float]:
    """Return all floats of one answer."""
    headers = {"content-type": "application/json", **tier.headers}
    answer = httpx.post(url, content=tier.body, headers=headers, timeout=60)
    outputs = answer.raise_for_status().json()["outputs"]
    return [float(value) for output in outputs for value in numpy.ravel(output["data"])]


@contextmanager
def run_ours_on(model: Path, name: str, grpc_port: int = 0) -> Iterator[str]:
    """Run our runtime on a file; yield the address of infer. grpc_port: of its gRPC, any when 0."""
    port = find_free_port()
    ports = ["--http-port", str(port), "--grpc-port", str(grpc_port), "--admin-port", "0"]
    command = [str(Path(sys.executable).parent / "airgate-serve"), str(model), "--name", name, "--threads", "1"]
    with run_server("ours-tier", [*command, *ports], f"http://127.0.0.1:{port}/v2/health/ready"):
        wait_for_ok(f"http://127.0.0.1:{port}/v2/health/ready")
        yield f"http://127.0.0.1:{port}/v2/models/{name}/infer"


@contextmanager
def run_fastapi_on(model: Path) -> Iterator[str]:
    """Run the peer on a file."""
    port = find_free_port()
    command = [str(Path(sys.executable).parent / "uvicorn"), "tests.bench.peers.fastapi_lean:app", "--port", str(port)]
    settings = ["--no-access-log", "--loop", "uvloop"]
    with run_server("fastapi", [*command, *settings], f"http://127.0.0.1:{port}/docs", MODEL=str(model)):
        yield f"http://127.0.0.1:{port}/infer"


def wait_for_ok(url: str) -> None:
    """Return when a GET answers 200."""
    deadline = time.monotonic() + 60
    while httpx.get(url).status_code != 200:
        assert time.monotonic() < deadline, f"{url} is not ready"
        time.sleep(0.01)


def measure_raw(tier: Tier) -> float:
    """Return how often a second the session runs in a loop, in a process of its own on the servers' core."""
    rows = FOLDER / "rows.npy"
    numpy.save(rows, tier.rows)
    command = [
        "taskset",
        "-c",
        SERVER_CORE,
        sys.executable,
        "-m",
        "tests.bench.serving_tiers",
        str(tier.model),
        str(rows),
    ]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def run_loop(model: str, rows: str) -> float:
    """Run the session for some seconds and return the rate."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options)
    feeds = {session.get_inputs()[0].name: numpy.load(rows)}
    session.run(None, feeds)
    begin, count = time.monotonic(), 0
    while time.monotonic() - begin < RAW_SECONDS:
        session.run(None, feeds)
        count += 1
    return count / (time.monotonic() - begin)


if __name__ == "__main__":
    print(run_loop(*sys.argv[1:]))

"""Models made on the spot, and real servers on free ports."""

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving import models, triton
from tests.serving.server import RunningServer, start_server


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder with every model of the suite, made once."""
    return models.write_all(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def mlp_server(model_folder: Path) -> Iterator[RunningServer]:
    """A small ONNX network, served."""
    with start_server(model_folder / "mlp.onnx", name="mlp") as server:
        yield server


@pytest.fixture(scope="module")
def iris_server(model_folder: Path) -> Iterator[RunningServer]:
    """A scikit-learn classifier with named columns, served."""
    with start_server(model_folder / "iris.pkl", name="iris") as server:
        yield server


@pytest.fixture(scope="module")
def map_server(model_folder: Path) -> Iterator[RunningServer]:
    """An ONNX model of a map, served."""
    with start_server(model_folder / "map.onnx", name="map") as server:
        yield server


@pytest.fixture(scope="module")
def sequence_server(model_folder: Path) -> Iterator[RunningServer]:
    """An ONNX model of a sequence and a number, served."""
    with start_server(model_folder / "sequence.onnx", name="sequence") as server:
        yield server


@pytest.fixture
def not_a_model(tmp_path: Path) -> Path:
    """A pickle of a dictionary."""
    path = tmp_path / "shopping.pkl"
    path.write_bytes(pickle.dumps({"apples": 3}))
    return path


@pytest.fixture(scope="module")
def grpc_process() -> Iterator[triton.GrpcProcess]:
    """The process in which tritonclient speaks gRPC."""
    with triton.run_grpc_process() as process:
        yield process


@pytest.fixture(scope="module")
def ask_triton(grpc_process: triton.GrpcProcess) -> Callable[[str, RunningServer, triton.Question], dict[str, Any]]:
    """Asks a server by tritonclient, over "http" or "grpc"."""

    def ask(door: str, server: RunningServer, question: triton.Question) -> dict[str, Any]:
        address = f"127.0.0.1:{server.ports[door]}"
        if door == "http":
            return triton.ask_http(address, question)
        return grpc_process.call("ask_grpc", address, question)

    return ask

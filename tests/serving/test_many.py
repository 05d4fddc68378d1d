"""Several models in one process, on one card: each by its name, through every door."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from airgate_protocols import open_inference_pb2 as pb
from airgate_protocols import open_inference_pb2_grpc as service
from airgate_serving.fetch import compute_digest
from tests.fakes.model_files import make_onnx
from tests.serving.server import RunningServer, run_command, start_server, wait_for

pytestmark = pytest.mark.process

ROW = {"X": [{"x": [1.0, 2.0]}]}
TENSORS = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1.0, 2.0]}]}
SCRIPT = "def predict(args):\n    return 'predicted'\n\n\ndef hello(args):\n    return 'hello'\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files by the names of their models: times two, times three, a script."""
    folder = tmp_path_factory.mktemp("many")
    contents = {"two": make_onnx(2.0), "three": make_onnx(3.0), "script": SCRIPT.encode()}
    for name, content in contents.items():
        (folder / f"{name}.file").write_bytes(content)
    return {name: folder / f"{name}.file" for name in contents}


def make_also(files: dict[str, Path], name: str, form: str) -> tuple[str, ...]:
    """Return the arguments that bring a further model."""
    return ("--also", name, "7", compute_digest(files[name]), form, str(files[name]))


@pytest.fixture(scope="module")
def server(files: dict[str, Path]) -> Iterator[RunningServer]:
    """A server of all three."""
    also = (*make_also(files, "three", "onnx"), *make_also(files, "script", "script"))
    with start_server(files["two"], *also, "--access-log", "--repository", name="two") as server:
        yield server


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        ("/predict", [2.0, 4.0], "two"),
        ("/models/two/predict", [2.0, 4.0], "two"),
        ("/models/three/predict", [3.0, 6.0], "three"),
    ],
)
def test_rows_go_to_the_model_that_is_named_or_to_the_first(
    server: RunningServer, files: dict[str, Path], path: str, value: list[float], name: str
) -> None:
    """The answer names the file that it is from."""
    answer = server.post(path, ROW)
    assert answer.json()["result"] == [{"y": value}]
    assert answer.headers["x-airgate-model-digest"] == compute_digest(files[name])


@pytest.mark.parametrize(
    ("path", "value"), [("two", [2.0, 4.0]), ("three", [3.0, 6.0]), ("three/versions/7", [3.0, 6.0])]
)
def test_tensors_go_to_the_model_that_is_named(server: RunningServer, path: str, value: list[float]) -> None:
    """As Open Inference has it."""
    answer = server.post(f"/v2/models/{path}/infer", TENSORS).json()
    assert (answer["model_name"], answer["outputs"][0]["data"]) == (path.split("/")[0], value)


def test_a_script_s_functions_are_below_its_name(server: RunningServer) -> None:
    """They are not mixed with those of others."""
    assert server.post("/models/script/hello", {}).json() == {"result": "hello"}
    assert server.post("/models/script/predict", {}).json() == {"result": "predicted"}
    assert server.post("/hello", {}).status_code == 404


def test_grpc_names_the_model(server: RunningServer, files: dict[str, Path]) -> None:
    """The same floats, and the file's digest in the metadata."""
    tensor = pb.ModelInferRequest.InferInputTensor(name="x", datatype="FP32", shape=[1, 2])
    tensor.contents.fp32_contents.extend([1.0, 2.0])
    with grpc.insecure_channel(f"127.0.0.1:{server.ports['grpc']}") as channel:
        stub = service.GRPCInferenceServiceStub(channel)
        for name, value in (("two", [2.0, 4.0]), ("three", [3.0, 6.0])):
            answer, call = stub.ModelInfer.with_call(pb.ModelInferRequest(model_name=name, inputs=[tensor]))
            assert list(answer.outputs[0].contents.fp32_contents) == value
            assert dict(call.trailing_metadata())["x-airgate-model-digest"] == compute_digest(files[name])
        with pytest.raises(grpc.RpcError, match="There is two, version 1, three, version 7, script, version 7"):
            stub.ModelInfer(pb.ModelInferRequest(model_name="four", inputs=[tensor]))


@pytest.mark.parametrize("path", ["/v2/models/four/infer", "/models/four/predict", "/models/four"])
def test_a_name_that_is_not_here_is_refused_with_those_that_are(server: RunningServer, path: str) -> None:
    """One sentence."""
    refused = server.post(path, ROW)
    assert (refused.status_code, refused.json()["code"]) == (404, "unknown-model")
    assert "two, three, script" in refused.json()["hint"]


def test_each_model_has_its_page_its_description_and_its_figures(server: RunningServer) -> None:
    """What asks for one of them asks for no other."""
    assert "<form" in server.get("/models/three/").text
    assert server.get("/models/three/openapi.json").json()["info"]["title"] == "three"
    assert server.get("/openapi.json").json()["info"]["title"] == "two"
    server.post("/models/three/predict", ROW)
    figures = server.get("/metrics", "admin").text
    for name in ("two", "three", "script"):
        assert f'airgate_batches_total{{model="{name}"' in figures


def test_one_that_is_unloaded_makes_the_whole_not_ready_and_leaves_the_others_answering(server: RunningServer) -> None:
    """A gateway that asks whether all is well hears no; who knows better may go on."""
    assert server.get("/v2/health/ready").status_code == 200
    index = {each["name"]: each["state"] for each in server.post("/v2/repository/index", {}).json()}
    assert index == dict.fromkeys(("two", "three", "script"), "READY")
    assert server.post("/v2/repository/models/three/unload", {}).status_code == 200
    try:
        assert server.get("/v2/health/ready").status_code == 503
        assert server.get("/readyz", "admin").status_code == 503
        assert server.get("/v2/models/two/ready").status_code == 200
        assert server.post("/models/three/predict", ROW).status_code == 503
        assert server.post("/predict", ROW).status_code == 200
    finally:
        server.post("/v2/repository/models/three/load", {})
    assert server.get("/v2/health/ready").status_code == 200


def test_the_log_names_the_file_that_answered(server: RunningServer, files: dict[str, Path]) -> None:
    """Also where the path alone would not say it."""
    server.post("/models/three/predict", ROW)
    digest = compute_digest(files["three"])

    def find_lines() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in "".join(server.output).splitlines() if line.startswith("{")]
        return [line for line in lines if line["what"] == "POST /models/three/predict" and line["digest"] == digest]

    wait_for(find_lines)


def test_names_that_meet_are_refused_and_an_end_takes_all_down(files: dict[str, Path]) -> None:
    """A second model of a name could not be called; SIGTERM drains each."""
    same = ("--also", "two", "1", compute_digest(files["three"]), "onnx", str(files["three"]))
    refused = run_command(str(files["two"]), "--name", "two", *same)
    assert refused.returncode == 3
    assert "Two models have the name two." in refused.stderr
    with start_server(files["two"], *make_also(files, "three", "onnx"), "--linger", "0", name="two") as server:
        assert server.stop() == 0

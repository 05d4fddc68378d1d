"""Open Inference and records over HTTP, on real servers."""

import numpy as np
import onnxruntime
import pytest

from tests.serving.models import CLASSES, WIDTH
from tests.serving.server import RunningServer

pytestmark = pytest.mark.process

ROW = [round(0.01 * place, 2) for place in range(WIDTH)]


def make_request(rows: list[list[float]], **more: object) -> dict[str, object]:
    """Return an Open Inference request of these rows."""
    tensor = {"name": "x", "shape": [len(rows), WIDTH], "datatype": "FP32", "data": rows}
    return {"inputs": [tensor], **more}


def test_a_prediction_is_what_onnx_runtime_itself_computes(mlp_server: RunningServer, model_folder) -> None:
    """A customer gets the model's own numbers, to the last digit of a 32-bit float."""
    session = onnxruntime.InferenceSession(str(model_folder / "mlp.onnx"))
    wanted = session.run(None, {"x": np.array([ROW], dtype=np.float32)})[0]
    answer = mlp_server.post("/v2/models/mlp/infer", make_request([ROW], id="42")).json()
    output = answer["outputs"][0]
    assert answer["id"] == "42" and answer["model_name"] == "mlp" and answer["model_version"] == "1"
    assert output["shape"] == [1, CLASSES] and output["datatype"] == "FP32"
    assert np.array(output["data"], dtype=np.float32).tolist() == wanted.reshape(-1).tolist()


def test_data_may_be_nested_or_flat(mlp_server: RunningServer) -> None:
    """Both spellings of the protocol mean the same."""
    nested = mlp_server.post("/v2/models/mlp/infer", make_request([ROW, ROW])).json()
    flat = make_request([ROW, ROW])
    flat["inputs"][0]["data"] = ROW + ROW  # type: ignore[index]
    assert mlp_server.post("/v2/models/mlp/versions/1/infer", flat).json() == nested


def test_binary_tensors_come_and_go_as_bytes(mlp_server: RunningServer) -> None:
    """An image need not become JSON; the numbers are the same either way."""
    raw = np.array([ROW], dtype="<f4").tobytes()
    head = (
        b'{"inputs":[{"name":"x","shape":[1,64],"datatype":"FP32","parameters":{"binary_data_size":%d}}],'
        b'"parameters":{"binary_data_output":true}}' % len(raw)
    )
    headers = {"Inference-Header-Content-Length": str(len(head))}
    answer = mlp_server.post("/v2/models/mlp/infer", head + raw, headers)
    body = answer.content[int(answer.headers["inference-header-content-length"]) :]
    plain = mlp_server.post("/v2/models/mlp/infer", make_request([ROW])).json()["outputs"][0]["data"]
    assert np.frombuffer(body, dtype="<f4").tolist() == np.array(plain, dtype=np.float32).tolist()


@pytest.mark.parametrize("wrap", [lambda arguments: {"args": arguments}, lambda arguments: arguments])
def test_records_are_answered_as_records_with_and_without_the_wrapper(iris_server: RunningServer, wrap) -> None:
    """Clients of the earlier product keep working: one record in, one record out."""
    metadata = iris_server.get("/v2/models/iris").json()
    record = {tensor["name"]: value for tensor, value in zip(metadata["inputs"], [5.1, 3.5, 1.4, 0.2], strict=True)}
    result = iris_server.post("/predict", wrap({"X": [record, record]})).json()["result"]
    assert [row["PredictedValue"] for row in result] == [0, 0]
    assert sum(result[0]["Probabilities"]) == pytest.approx(1.0)


def test_split_is_answered_as_split(iris_server: RunningServer) -> None:
    """The answer comes in the orientation of the question."""
    names = [tensor["name"] for tensor in iris_server.get("/v2/models/iris").json()["inputs"]]
    split = {"columns": names, "data": [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]}
    result = iris_server.post("/predict", {"args": {"X": split}}).json()["result"]
    assert result["columns"] == ["PredictedValue", "Probabilities"]
    assert [row[0] for row in result["data"]] == [0, 2]


def test_every_door_gives_the_same_floats(mlp_server: RunningServer) -> None:
    """A number does not depend on how it was asked for."""
    by_tensor = mlp_server.post("/v2/models/mlp/infer", make_request([ROW])).json()["outputs"][0]["data"]
    by_record = mlp_server.post("/predict", {"X": [{"x": ROW}]}).json()["result"][0]["y"]
    by_row = mlp_server.post("/predict", {"X": [ROW]}).json()["result"][0]["y"]
    assert by_tensor == by_record == by_row


def test_metadata_says_signature_device_and_classes(iris_server: RunningServer) -> None:
    """The page builds its form from this."""
    metadata = iris_server.get("/v2/models/iris").json()
    assert metadata["platform"] == "sklearn" and metadata["parameters"]["device"] == "CPU"
    assert [tensor["datatype"] for tensor in metadata["inputs"]] == ["FP64"] * 4
    assert metadata["outputs"][0]["parameters"]["values"] == [0, 1, 2]


def test_every_answer_names_the_file_and_echoes_the_request_id(mlp_server: RunningServer) -> None:
    """An answer can be traced to the file it came from and to the call that asked for it."""
    good = mlp_server.post("/v2/models/mlp/infer", make_request([ROW]), {"x-request-id": "call-7"})
    bad = mlp_server.post("/nothing/here", {}, {"x-request-id": "call-8"})
    assert good.headers["x-request-id"] == "call-7" and bad.headers["x-request-id"] == "call-8"
    assert good.headers["x-airgate-model-digest"].startswith("sha256:")
    assert mlp_server.get("/v2").headers["x-request-id"]


@pytest.mark.parametrize(
    ("verb", "path", "status", "says"),
    [
        ("GET", "/v2/models/mlp/infer", 405, "POST"),
        ("GET", "/v2/models/other", 404, "mlp"),
        ("GET", "/v2/models/mlp/versions/9", 404, "mlp"),
        ("POST", "/train", 404, "no function 'train'"),
        ("GET", "/nothing", 404, "nothing"),
    ],
)
def test_a_wrong_path_is_told_what_there_is(mlp_server: RunningServer, verb, path, status, says) -> None:
    """Unknown paths and wrong verbs answer JSON with a sentence."""
    answer = mlp_server.get(path) if verb == "GET" else mlp_server.post(path, {})
    body = answer.json()
    assert answer.status_code == status and says in body["error"] + body["hint"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not an Open Inference request"),
        (b"{", "not an Open Inference request"),
        ({"inputs": []}, "takes 'x'"),
        ({"inputs": [{"name": "z", "shape": [1], "datatype": "FP32", "data": [1]}]}, "takes 'x'"),
        ({"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}, "takes [-1, 64]"),
        ({"inputs": [{"name": "x", "shape": [1, 64], "datatype": "FP32", "data": [1, 2]}]}, "needs 64"),
        ({"inputs": [{"name": "x", "shape": [1, 64], "datatype": "FP32", "data": ["a"] * 64}]}, "texts"),
        ({"inputs": [{"name": "x", "shape": [1, 64], "datatype": "FLOAT", "data": [1] * 64}]}, "unknown"),
        ({"inputs": [{"name": "x", "shape": [1, 64], "datatype": "FP32"}]}, "binary_data_size"),
    ],
)
def test_bad_input_gets_one_clear_sentence(mlp_server: RunningServer, body, says) -> None:
    """Nothing a client sends is answered by a number alone, or by a fault of the server."""
    answer = mlp_server.post("/v2/models/mlp/infer", body)
    assert answer.status_code == 400 and says in answer.json()["error"]


def test_the_server_knows_itself(mlp_server: RunningServer) -> None:
    """Health and metadata follow the protocol."""
    assert mlp_server.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    assert mlp_server.get("/v2/health/live").json() == {"live": True}
    assert mlp_server.get("/v2/models/mlp/ready").json()["ready"] is True
    assert mlp_server.get("/livez", "admin").status_code == 200


def test_metrics_count_what_was_asked(mlp_server: RunningServer) -> None:
    """Prometheus sees requests by status, stages and the device."""
    mlp_server.post("/v2/models/mlp/infer", make_request([ROW]))
    page = mlp_server.get("/metrics", "admin").text
    assert 'airgate_requests_total{door="v2",function="infer",model="mlp",status="200",version="1"}' in page
    assert 'airgate_stage_seconds_count{function="predict",model="mlp",stage="compute",version="1"}' in page
    assert 'airgate_device{device="CPU",granted=""} 1.0' in page


def test_the_log_says_which_device_ran(mlp_server: RunningServer, iris_server: RunningServer) -> None:
    """A person reads on stdout where the model computes."""
    assert "ONNX Runtime device: CPU\n" in mlp_server.output
    assert "scikit-learn device: CPU\n" in iris_server.output

"""Maps and sequences through a server: natural in records, forms and files; JSON in texts over Open Inference."""

import json
from typing import Any

import grpc
import httpx
import numpy as np
import pytest

from airgate_protocols import open_inference_pb2 as pb
from airgate_protocols import open_inference_pb2_grpc as service
from tests.serving.server import RunningServer, run_command
from tests.serving.test_onnx_nested import MAPS, PARTS, SCALED, TOTALS, VECTORS, write_texts
from tests.serving.test_tester import Shelf, call, put_model, start_tester
from tests.serving.triton import Question

pytestmark = pytest.mark.process

DOORS = [("http", True), ("http", False), ("grpc", None)]


@pytest.mark.parametrize(("door", "as_bytes"), DOORS)
def test_every_door_of_open_inference_carries_the_json_as_texts(
    map_server, sequence_server, ask_triton, door, as_bytes
) -> None:
    """HTTP with JSON or bytes, and gRPC, give the same as records; the tensors that are none are texts."""
    asked = Question("map", {"x": write_texts(*MAPS)}, ("vector", "total"), as_bytes, as_bytes)
    found = ask_triton(door, map_server, asked)
    assert found["vector"].tolist() == VECTORS and found["total"].tolist() == TOTALS
    tensors = {"parts": write_texts(PARTS), "factor": np.array(2, dtype=np.float32)}
    found = ask_triton(door, sequence_server, Question("sequence", tensors, ("scaled", "others"), as_bytes, as_bytes))
    assert found["scaled"].tolist() == SCALED
    assert json.loads(found["others"][0]) == PARTS[:2]


def test_records_and_forms_have_maps_and_sequences_as_they_are(map_server, sequence_server) -> None:
    """No text within JSON: objects and lists go in, and lists of different lengths come out."""
    result = map_server.post("/predict", {"X": [{"x": row} for row in MAPS]}).json()["result"]
    assert [row["vector"] for row in result] == VECTORS
    (row,) = sequence_server.post("/predict", {"X": [{"parts": PARTS, "factor": 2}]}).json()["result"]
    assert row == {"scaled": SCALED, "others": PARTS[:2]}
    table = {"X": ("rows.csv", b"a,b,c\n1.5,0,2\n0,-1,0\n")}
    assert [row["vector"] for row in post_form(map_server, table)] == VECTORS
    parts = {"parts": (None, json.dumps(PARTS).encode()), "factor": (None, b"2")}
    (row,) = post_form(sequence_server, parts)
    assert row["scaled"] == SCALED


def post_form(server: RunningServer, parts: Any) -> Any:
    """Return what comes of a form."""
    answer = httpx.post(server.url("/predict"), files=parts)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


def test_metadata_says_that_the_texts_are_json_and_of_which_form(map_server) -> None:
    """In the words of JSON Schema, over HTTP and gRPC; a wrong datatype is told the same."""
    parameters = map_server.get("/v2/models/map").json()["inputs"][0]["parameters"]
    assert parameters["contentMediaType"] == "application/json" and parameters["values"] == ["a", "b", "c"]
    with grpc.insecure_channel(f"127.0.0.1:{map_server.ports['grpc']}") as channel:
        found = service.GRPCInferenceServiceStub(channel).ModelMetadata(pb.ModelMetadataRequest(name="map"))
    assert json.loads(found.properties["contentSchema.x"]) == parameters["contentSchema"]
    tensor = {"name": "x", "shape": [1], "datatype": "FP32", "data": [1.5]}
    refused = map_server.post("/v2/models/map/infer", {"inputs": [tensor]})
    assert refused.status_code == 400 and "a map of text to number" in refused.json()["hint"]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_whole_file_of_maps_is_answered(model_folder, tmp_path, kind) -> None:
    """The columns of a file are the keys of the map."""
    lines = {"csv": "a,b,c\n1.5,0,2\n0,-1,0\n", "jsonl": "".join(json.dumps({"x": row}) + "\n" for row in MAPS)}
    (tmp_path / f"rows.{kind}").write_text(lines[kind])
    to = tmp_path / "out.jsonl"
    path = model_folder / "map.onnx"
    done = run_command("batch", str(path), "--rows", str(tmp_path / f"rows.{kind}"), "--to", str(to))
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["total"] for line in to.read_text().splitlines()] == TOTALS


def test_inspect_says_it_in_words(model_folder) -> None:
    """A person reads what the texts are."""
    said = run_command("inspect", str(model_folder / "sequence.onnx")).stdout
    assert "parts  BYTES [-1], each the JSON of a sequence of tensors of FP32" in said


def test_the_tester_fills_in_a_sample_that_works(model_folder, tmp_path) -> None:
    """The Test page begins with what inspection says, an object or a list, and gets the same back in an answer."""
    for folder in ("scratch", "blobs"):
        (tmp_path / folder).mkdir()
    shelf = Shelf(tmp_path / "blobs")
    with start_tester(shelf, tmp_path / "scratch") as tester:
        for name in ("map", "sequence"):
            digest = put_model(shelf, model_folder, f"{name}.onnx")
            seen = call(tester, "/inspect", {"digest": digest, "filename": "m"}).json()
            assert seen["signature"]["inputs"][0]["schema"]["title"].startswith("a ")
            answer = call(tester, "/test", {"digest": digest, "args": seen["sample"]})
            assert answer.status_code == 200, answer.text
        row = {"parts": PARTS, "factor": 2}
        answer = call(tester, "/test", {"digest": digest, "args": {"X": [row]}}).json()["result"]
    assert answer == [{"scaled": SCALED, "others": PARTS[:2]}]

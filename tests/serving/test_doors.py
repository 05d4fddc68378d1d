"""The same floats through every door, for every tabular format: Open Inference, records, split, forms, gRPC."""

import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sklearn.datasets import load_iris

from airgate_serving.formats.interface import LoadOptions
from airgate_serving.formats.table import guess_format, load
from airgate_serving.tensors import DATATYPES, Signature, Tensors
from tests.serving.server import RunningServer, start_server
from tests.serving.triton import Question

pytestmark = pytest.mark.process

ROWS = load_iris().data[::15]


def read_columns(signature: Signature) -> Tensors:
    """Return the rows as the model's inputs."""
    if len(signature.inputs) == 1:
        return {signature.inputs[0].name: ROWS.astype(DATATYPES[signature.inputs[0].datatype])}
    return {
        spec.name: column.astype(DATATYPES[spec.datatype])
        for spec, column in zip(signature.inputs, ROWS.T, strict=True)
    }


def ask_every_door(server: RunningServer, ask_triton: Any, columns: Tensors, wanted: list[str]) -> dict[str, list[Any]]:
    """Return the outputs by the name of the door."""
    records = [dict(zip(columns, row, strict=True)) for row in ROWS.tolist()] if len(columns) > 1 else ROWS.tolist()
    split = {"columns": list("abcd") if len(columns) == 1 else list(columns), "data": ROWS.tolist()}
    lines = [",".join(split["columns"]), *(",".join(map(repr, row)) for row in ROWS.tolist())]
    files = {"X": ("rows.csv", "\n".join(lines).encode())}
    answers = {
        "records": server.post("/predict", {"X": records}).json()["result"],
        "form": httpx.post(server.url("/predict"), files=files).json()["result"],
    }
    found = {door: [[row[name] for row in rows] for name in wanted] for door, rows in answers.items()}
    table = server.post("/predict", {"args": {"X": split}}).json()["result"]
    found["split"] = [[row[table["columns"].index(name)] for row in table["data"]] for name in wanted]
    for door in ("http", "grpc"):
        answer = ask_triton(door, server, Question("iris", columns, tuple(wanted)))
        found[door] = [answer[name].tolist() for name in wanted]
    return found


@pytest.mark.parametrize("name", ["iris.pkl", "iris.skops", "iris.json", "iris.txt", "iris.pmml", "iris.onnx"])
def test_a_row_gives_the_same_floats_by_every_door(model_folder: Path, ask_triton: Any, name: str) -> None:
    """A number depends on the model and the row alone."""
    path = model_folder / name
    runner = load(path, guess_format(path), LoadOptions())
    columns = read_columns(runner.info.signature)
    wanted = runner.run(columns)
    with start_server(path, name="iris") as server:
        for door, outputs in ask_every_door(server, ask_triton, columns, list(wanted)).items():
            for (output, array), values in zip(wanted.items(), outputs, strict=True):
                assert np.array(values, dtype=array.dtype).tolist() == array.tolist(), (door, output)
        assert json.loads(server.get("/v2/models/iris").text)["platform"] == runner.info.platform

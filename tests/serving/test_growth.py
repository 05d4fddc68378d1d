"""A server that has answered thousands of requests, good and bad, holds no more memory than after the first ones."""

import httpx
import pytest

from tests.kit.process import measure
from tests.serving.models import WIDTH
from tests.serving.server import RunningServer

pytestmark = pytest.mark.process

TENSOR = {"name": "x", "shape": [1, WIDTH], "datatype": "FP32", "data": [0.5] * WIDTH}
RAW = b'{"inputs":[{"name":"x","shape":[1,64],"datatype":"FP32","parameters":{"binary_data_size":256}}]}'
ROUNDS = 300
MOST_MB = 8  # what allocators may keep


def ask_all(client: httpx.Client, server: RunningServer) -> set[int]:
    """Ask every door once, rightly and wrongly; return the statuses."""
    infer, predict = server.url("/v2/models/mlp/infer"), server.url("/predict")
    header = {"inference-header-content-length": str(len(RAW))}
    answers = [
        client.post(infer, json={"inputs": [TENSOR]}),
        client.post(infer, content=RAW + bytes(256), headers=header),
        client.post(infer, content=b"{" * 100),
        client.post(infer, content=RAW + bytes(7), headers=header),
        client.post(predict, json={"X": [[0.5] * WIDTH]}),
        client.post(predict, files={"X": ("x.csv", b"a,b\n1\n")}),
        client.post(server.url(f"/no/such/place/{id(header)}")),
        client.get(server.url("/openapi.json")),
    ]
    return {answer.status_code for answer in answers}


def test_memory_stays_where_it_is(mlp_server: RunningServer) -> None:
    """Nothing of a request is kept, whatever came of it."""
    with httpx.Client(timeout=20) as client:
        for _ in range(ROUNDS):
            ask_all(client, mlp_server)
        before = measure(mlp_server.process.pid)["resident_mb"]
        statuses = [ask_all(client, mlp_server) for _ in range(ROUNDS)]
    assert set.union(*statuses) == {200, 400, 404}
    assert measure(mlp_server.process.pid)["resident_mb"] - before < MOST_MB

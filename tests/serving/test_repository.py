"""Loading again and unloading while requests come: nobody is dropped, and every answer names the file it is from."""

import asyncio
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http
from onnx import numpy_helper

from airgate_serving.engine.admission import Admission, State
from airgate_serving.errors import NotReady
from tests.serving.models import WIDTH, make_mlp
from tests.serving.server import RunningServer, start_server, wait_for

ROW = {"X": [{"x": [0.5] * WIDTH}]}


def make_other() -> bytes:
    """Return the small network with other weights."""
    model = make_mlp()
    bias = next(place for place, weight in enumerate(model.graph.initializer) if weight.name == "b2")
    values = numpy_helper.to_array(model.graph.initializer[bias])
    changed = numpy_helper.from_array(np.roll(values, 1) * np.float32(3), "b2")
    model.graph.initializer[bias].CopyFrom(changed)
    content: bytes = model.SerializeToString()
    return content


def find_digest(content: bytes) -> str:
    """Return sha256:HEX."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def server(model_folder, tmp_path) -> Iterator[RunningServer]:
    """The small network, to be loaded again and unloaded."""
    shutil.copy(model_folder / "mlp.onnx", tmp_path / "mlp.onnx")
    with start_server(tmp_path / "mlp.onnx", "--repository", name="mlp") as server:
        yield server


def put_file(path: Path, content: bytes) -> None:
    """Replace a file as careful people do: beside it, then renamed."""
    path.with_suffix(".new").write_bytes(content)
    path.with_suffix(".new").replace(path)


async def ask_until(server: RunningServer, answers: list[Any], stop: asyncio.Event) -> None:
    """Ask over one connection until told to stop; keep status, digest and floats of every answer."""
    async with httpx.AsyncClient(timeout=20) as client:
        while not stop.is_set():
            answer = await client.post(server.url("/predict"), json=ROW)
            floats = tuple(answer.json()["result"][0]["y"]) if answer.status_code == 200 else ()
            answers.append((answer.status_code, answer.headers["x-airgate-model-digest"], floats))


@pytest.mark.process
def test_a_reload_under_load_drops_nobody_and_mixes_nothing(server, tmp_path, model_folder) -> None:
    """Eight callers see the old model, then the new one; each answer has the digest of the file it came from."""
    old, new = (model_folder / "mlp.onnx").read_bytes(), make_other()

    async def reload_under_load() -> list[Any]:
        answers: list[Any] = []
        stop = asyncio.Event()
        callers = [asyncio.create_task(ask_until(server, answers, stop)) for _ in range(8)]
        await asyncio.to_thread(wait_for, lambda: len(answers) > 50)
        for content in (new, old, new):
            put_file(tmp_path / "mlp.onnx", content)
            done = await asyncio.to_thread(server.post, "/v2/repository/models/mlp/load", {})
            assert done.status_code == 200, done.text
            seen = len(answers)
            await asyncio.to_thread(wait_for, lambda: len(answers) > seen + 30)  # noqa: B023
        stop.set()
        await asyncio.gather(*callers)
        return answers

    answers = asyncio.run(reload_under_load())
    assert {status for status, _, _ in answers} == {200}
    by_file = {digest: {floats for _, named, floats in answers if named == digest} for _, digest, _ in answers}
    assert set(by_file) == {find_digest(old), find_digest(new)}
    assert not by_file[find_digest(old)] & by_file[find_digest(new)]
    assert answers[-1][1] == find_digest(new)


@pytest.mark.process
def test_a_bad_file_leaves_the_old_model_where_it_is(server, tmp_path) -> None:
    """The person reads why, and every caller is still answered."""
    before = server.post("/predict", ROW).json()
    put_file(tmp_path / "mlp.onnx", b"\x08\x09\x12")
    refused = server.post("/v2/repository/models/mlp/load", {})
    assert refused.status_code == 422 and refused.json()["code"] == "bad-model-file"
    assert server.post("/predict", ROW).json() == before


@pytest.mark.process
def test_an_independent_client_lists_unloads_and_loads(server) -> None:
    """tritonclient's own calls; in between the server is not ready and says what to do."""
    with tritonclient.http.InferenceServerClient(f"127.0.0.1:{server.ports['http']}") as client:
        assert client.get_model_repository_index()[0] == {"name": "mlp", "version": "1", "state": "READY", "reason": ""}
        client.unload_model("mlp")
        assert client.get_model_repository_index()[0]["reason"] == "unloaded"
        assert not client.is_model_ready("mlp") and server.get("/readyz", "admin").status_code == 503
        answer = server.post("/predict", ROW)
        assert answer.status_code == 503 and "was unloaded" in answer.json()["error"] and answer.headers["retry-after"]
        client.load_model("mlp")
        assert client.is_model_ready("mlp") and server.post("/predict", ROW).status_code == 200


@pytest.mark.process
def test_without_the_flag_nobody_may_unload(mlp_server) -> None:
    """Whoever may predict may not take the model away."""
    assert mlp_server.post("/v2/repository/models/mlp/unload", {}).status_code == 404
    assert mlp_server.post("/predict", ROW).status_code == 200


def test_an_unloaded_model_is_said_to_be_that() -> None:
    """Not that it is still being loaded."""
    admission = Admission(bound=1)
    admission.state = State.UNLOADED
    with pytest.raises(NotReady, match="was unloaded"):
        admission.enter()

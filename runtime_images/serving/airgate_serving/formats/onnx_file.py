"""The outermost layer of an ONNX file, read without opening it: is it whole, and who made it.

An ONNX file is one protobuf message, ModelProto (https://onnx.ai/onnx/repo-docs/IR.html). Only its own fields are
walked here, so the size of the graph does not matter.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from airgate_serving.errors import BadModelFile

FIELD_PRODUCER = 2
FIELD_PRODUCER_VERSION = 3
FIELD_GRAPH = 7
WIRE_VARINT, WIRE_FIXED64, WIRE_BYTES, WIRE_FIXED32 = 0, 1, 2, 5
KEEP = 256  # bytes of a text field that are kept
HINT_WHOLE = "Upload the whole file again; compare its size or SHA-256 with the original."


@dataclass(frozen=True, slots=True)
class OnnxHeader:
    """Who made the file, as it says itself; empty when it does not."""

    producer: str = ""
    producer_version: str = ""


def read_header(path: Path) -> OnnxHeader:
    """Return the file's header. Raises BadModelFile when the file is cut short or has no graph."""
    with path.open("rb") as file:
        return read_open_header(file, path.stat().st_size)


def read_open_header(file: BinaryIO, size: int) -> OnnxHeader:
    """Return the header of a file that is open already. Raises what `read_header` raises."""
    texts: dict[int, str] = {}
    graphs = 0
    for number, text in _read_fields(file, size):
        graphs += number == FIELD_GRAPH
        texts[number] = text
    if not graphs:
        raise BadModelFile("The file has no graph, so it is not an ONNX model.", HINT_WHOLE)
    return OnnxHeader(texts.get(FIELD_PRODUCER, ""), texts.get(FIELD_PRODUCER_VERSION, ""))


def _read_fields(file: BinaryIO, size: int) -> Iterator[tuple[int, str]]:
    while file.tell() < size:
        key = _read_varint(file)
        yield key >> 3, _read_value(file, size, key & 7)


def _read_value(file: BinaryIO, size: int, wire: int) -> str:
    if wire == WIRE_VARINT:
        return str(_read_varint(file))
    if wire == WIRE_BYTES:
        return _read_bytes(file, size, _read_varint(file))
    if wire in (WIRE_FIXED64, WIRE_FIXED32):
        return _read_bytes(file, size, 8 if wire == WIRE_FIXED64 else 4)
    raise BadModelFile("The file is damaged: it stops being an ONNX model midway.", HINT_WHOLE)


def _read_bytes(file: BinaryIO, size: int, length: int) -> str:
    """Step over a field of `length` bytes and return its beginning as text."""
    start = file.tell()
    if start + length > size:
        raise BadModelFile(
            f"The ONNX file is cut short: it announces {start + length} bytes and has {size}.", HINT_WHOLE
        )
    beginning = file.read(min(length, KEEP)).decode("utf-8", "replace")
    file.seek(start + length)
    return beginning


def _read_varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise BadModelFile("The ONNX file is cut short: it ends in the middle of a number.", HINT_WHOLE)
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise BadModelFile("The file is damaged: it holds a number that cannot be.", HINT_WHOLE)

"""The outermost layer of an ONNX file, read without opening it: is it whole, and who made it.

An ONNX file is one protobuf message, ModelProto (https://onnx.ai/onnx/repo-docs/IR.html). Only its own fields are
walked here, so the size of the graph does not matter.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from airgate_serving.errors import BadModelFile

FIELD_IR_VERSION = 1
FIELD_PRODUCER = 2
FIELD_PRODUCER_VERSION = 3
FIELD_GRAPH = 7
FIELD_OPSET = 8
FIELD_OPSET_DOMAIN, FIELD_OPSET_VERSION = 1, 2  # of OperatorSetIdProto
WIRE_VARINT, WIRE_FIXED64, WIRE_BYTES, WIRE_FIXED32 = 0, 1, 2, 5
KEEP = 256  # bytes of a text or of an opset that are kept
MOST_OPSETS = 64
HINT_WHOLE = "Upload the whole file again; compare its size or SHA-256 with the original."


@dataclass(frozen=True, slots=True)
class OnnxHeader:
    """Who made the file, and of which ONNX it is, as it says itself; empty or 0 when it does not.

    `opsets` are versions by domain; "" is ONNX's own.
    """

    producer: str = ""
    producer_version: str = ""
    ir: int = 0
    opsets: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a message: where its content lies in the file, or the number that it is.

    wire: how it is written; what a reader of the message passes over is a field written otherwise than it knows it.
    """

    number: int
    begin: int
    end: int
    value: int = 0
    wire: int = WIRE_BYTES


def read_header(path: Path) -> OnnxHeader:
    """Return the file's header. Raises BadModelFile when the file is cut short or has no graph."""
    with path.open("rb") as file:
        return read_open_header(file, path.stat().st_size)


def read_open_header(file: BinaryIO, size: int) -> OnnxHeader:
    """Return the header of a file that is open already. Raises what `read_header` raises."""
    found: dict[int, int | bytes] = {}
    opsets: list[tuple[str, int]] = []
    for number, value in _read_fields(file, size):
        found[number] = value
        if number == FIELD_OPSET and isinstance(value, bytes) and len(opsets) < MOST_OPSETS:
            opsets.append(_read_opset(value))
    if FIELD_GRAPH not in found:
        raise BadModelFile("The file has no graph, so it is not an ONNX model.", HINT_WHOLE)
    ir = found.get(FIELD_IR_VERSION)
    return OnnxHeader(
        _read_text(found.get(FIELD_PRODUCER)),
        _read_text(found.get(FIELD_PRODUCER_VERSION)),
        ir if isinstance(ir, int) else 0,
        tuple(opsets),
    )


def read_places(file: BinaryIO, begin: int, end: int) -> Iterator[Field]:
    """Yield the fields of the message between two places of a file. Raises BadModelFile where it is damaged."""
    while begin < end:
        file.seek(begin)
        key = _read_varint(file)
        number, wire = key >> 3, key & 7
        if wire == WIRE_VARINT:
            value, start = _read_varint(file), file.tell()
            begin = start
        else:
            value, length = 0, _read_varint(file) if wire == WIRE_BYTES else _find_width(wire)
            start = file.tell()
            begin = start + length
        if begin > end:
            raise BadModelFile("The file is damaged: a part of it is longer than the whole.", HINT_WHOLE)
        yield Field(number, start, begin, value, wire)


def _read_text(value: int | bytes | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _read_opset(content: bytes) -> tuple[str, int]:
    """Return a domain and its version; 0 where the bytes do not say one, for ONNX Runtime will say more."""
    try:
        found = dict(_read_fields(io.BytesIO(content), len(content)))
    except BadModelFile:
        return "", 0
    version = found.get(FIELD_OPSET_VERSION)
    return _read_text(found.get(FIELD_OPSET_DOMAIN)), version if isinstance(version, int) else 0


def _read_fields(file: BinaryIO, size: int) -> Iterator[tuple[int, int | bytes]]:
    while file.tell() < size:
        key = _read_varint(file)
        yield key >> 3, _read_value(file, size, key & 7)


def _read_value(file: BinaryIO, size: int, wire: int) -> int | bytes:
    if wire == WIRE_VARINT:
        return _read_varint(file)
    if wire == WIRE_BYTES:
        return _read_bytes(file, size, _read_varint(file))
    return _read_bytes(file, size, _find_width(wire))


def _find_width(wire: int) -> int:
    """Return the bytes of a number of fixed width."""
    if wire not in (WIRE_FIXED64, WIRE_FIXED32):
        raise BadModelFile("The file is damaged: it stops being an ONNX model midway.", HINT_WHOLE)
    return 8 if wire == WIRE_FIXED64 else 4


def _read_bytes(file: BinaryIO, size: int, length: int) -> bytes:
    """Step over a field of `length` bytes and return its beginning."""
    start = file.tell()
    if start + length > size:
        raise BadModelFile(
            f"The ONNX file is cut short: it announces {start + length} bytes and has {size}.", HINT_WHOLE
        )
    beginning = file.read(min(length, KEEP))
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

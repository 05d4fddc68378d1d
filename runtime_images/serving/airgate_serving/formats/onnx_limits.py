"""The newest ONNX that the ONNX Runtime here reads, as it says itself when it is asked for one far newer.

No table of releases is kept: a model of one empty graph is offered, and the sentence by which it is refused names the
limit. Where a release words it otherwise the limit is unknown (0), and files are judged by opening them.
"""

import functools
import re
from dataclasses import dataclass

FAR = 1 << 20  # a version that will not come
IR_LIMIT = re.compile(r"max supported IR version: (\d+)")
OPSET_LIMIT = re.compile(r"official support for domain \S+ is till opset (\d+)")
LOG_FATAL = 4  # ONNX Runtime's own log level


@dataclass(frozen=True, slots=True)
class OnnxLimits:
    """The newest IR version and opsets that are read; 0 for unknown."""

    ir: int = 0
    opset: int = 0
    ml_opset: int = 0


@functools.cache
def find_limits() -> OnnxLimits:
    """Return the limits of the library that is imported here."""
    ir = _ask(make_empty_model(FAR, 1), IR_LIMIT)
    known = ir or 10
    opset = _ask(make_empty_model(known, FAR), OPSET_LIMIT)
    return OnnxLimits(ir, opset, _ask(make_empty_model(known, FAR, "ai.onnx.ml"), OPSET_LIMIT))


def make_empty_model(ir: int, opset: int, domain: str = "") -> bytes:
    """Return a ModelProto of these versions with a graph without nodes (fields 1, 7 and 8 of onnx.proto)."""
    graph = _write_bytes(2, b"empty")
    imported = _write_bytes(1, domain.encode()) + b"\x10" + _write_varint(opset)
    return b"\x08" + _write_varint(ir) + _write_bytes(7, graph) + _write_bytes(8, imported)


def _ask(model: bytes, limit: re.Pattern[str]) -> int:
    import onnxruntime

    onnxruntime.set_default_logger_severity(LOG_FATAL)
    try:
        onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - the library's own errors have no common family
        found = limit.search(str(error))
        return int(found.group(1)) if found else 0
    return 0


def _write_bytes(field: int, content: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _write_varint(len(content)) + content


def _write_varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])

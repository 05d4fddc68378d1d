"""ONNX Runtime's type names and shapes, in the words of Open Inference."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from airgate_serving.tensors import ANY

TENSOR_TYPES = {
    "tensor(bool)": "BOOL",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}
MAP = re.compile(r"map\((int64|string),(?:tensor\((\w+)\)|(\w+))\)")
TEXT_KEYS = "string"


@dataclass(frozen=True, slots=True)
class Nested:
    """A type that is no tensor: a map, or a sequence of maps or of tensors, any of them optional; an optional tensor.

    keys: string or int64, of maps. datatype: of the elements.
    """

    datatype: str
    keys: str = ""
    is_sequence: bool = False
    is_optional: bool = False


def find_onnx_datatype(onnx_type: str) -> str:
    """Return the datatype of `tensor(...)`, or nothing for maps, sequences and types without a counterpart."""
    return TENSOR_TYPES.get(onnx_type, "")


def read_nested(onnx_type: str) -> Nested | None:
    """Return what a type is that is no tensor, or None for one without a counterpart."""
    inner, is_optional = _unwrap(onnx_type, "optional")
    inner, is_sequence = _unwrap(inner, "seq")
    found = MAP.fullmatch(inner)
    datatype = find_onnx_datatype(f"tensor({found.group(2) or found.group(3)})" if found else inner)
    if not datatype or not (found or is_sequence or is_optional):
        return None
    return Nested(datatype, found.group(1) if found else "", is_sequence, is_optional)


def _unwrap(onnx_type: str, wrapper: str) -> tuple[str, bool]:
    is_wrapped = onnx_type.startswith(f"{wrapper}(") and onnx_type.endswith(")")
    return (onnx_type[len(wrapper) + 1 : -1], True) if is_wrapped else (onnx_type, False)


def read_shape(shape: Sequence[object]) -> tuple[int, ...]:
    """Return the shape with ANY for every dimension that is symbolic, unknown or absent."""
    return tuple(size if isinstance(size, int) and size >= 0 else ANY for size in shape)

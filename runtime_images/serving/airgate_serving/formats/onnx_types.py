"""ONNX Runtime's type names and shapes, in the words of Open Inference."""

from collections.abc import Sequence

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


def find_onnx_datatype(onnx_type: str) -> str:
    """Return the datatype of `tensor(...)`, or nothing for maps, sequences and types without a counterpart."""
    return TENSOR_TYPES.get(onnx_type, "")


def read_shape(shape: Sequence[object]) -> tuple[int, ...]:
    """Return the shape with ANY for every dimension that is symbolic, unknown or absent."""
    return tuple(size if isinstance(size, int) and size >= 0 else ANY for size in shape)

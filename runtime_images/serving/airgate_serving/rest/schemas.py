"""JSON Schema of a tensor, and of one row of it."""

from typing import Any

import numpy as np

from airgate_serving.tensors import ANY, DATATYPES, TensorSpec

Json = dict[str, Any]


def describe_row(spec: TensorSpec) -> Json:
    """Return the schema of one row's value: the tensor without its first dimension, where that is of any size."""
    shape = spec.shape[1:] if spec.shape[:1] == (ANY,) else spec.shape
    schema = _describe_element(spec)
    for size in reversed(shape):
        schema = {"type": "array", "items": schema}
        if size != ANY:
            schema |= {"minItems": size, "maxItems": size}
    return schema


def describe_tensor_data(spec: TensorSpec) -> Json:
    """Return the schema of a whole tensor's elements, nested or flat."""
    return {"type": "array", "items": {"anyOf": [_describe_element(spec), {"type": "array"}]}}


def _describe_element(spec: TensorSpec) -> Json:
    kind = DATATYPES[spec.datatype].kind
    schema: Json = {"type": {"b": "boolean", "O": "string", "f": ["number", "null"]}.get(kind, "integer")}
    if kind in "iu":
        limits = np.iinfo(DATATYPES[spec.datatype].name)
        schema |= {"minimum": int(limits.min), "maximum": int(limits.max)}
    if spec.values and _are_elements(spec):
        schema["examples"] = list(spec.values)
    return schema


def _are_elements(spec: TensorSpec) -> bool:
    """Return whether the known values are what the tensor holds, not the names of its columns."""
    return len(spec.shape) == 1

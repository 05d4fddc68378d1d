"""JSON Schema of a tensor, and of one row of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from airgate_serving.tensors import ANY, DATATYPES, Scalar, TensorSpec

WHOLE_NUMBER = "^-?[0-9]{1,18}$"
Json = dict[str, Any]


def describe_row(spec: TensorSpec) -> Json:
    """Return the schema of one row's value: the tensor without its first dimension, where that is of any size."""
    if spec.schema is not None:
        return spec.schema
    return _nest(_describe_element(spec), spec.shape[1:] if spec.shape[:1] == (ANY,) else spec.shape)


def _nest(schema: Json, shape: Sequence[int]) -> Json:
    for size in reversed(shape):
        schema = {"type": "array", "items": schema}
        if size != ANY:
            schema |= {"minItems": size, "maxItems": size}
    return schema


def describe_text(schema: Json) -> Json:
    """Return the schema of a text that is JSON, in JSON Schema's own words."""
    return {"type": "string", "contentMediaType": "application/json", "contentSchema": schema}


def describe_tensor_data(spec: TensorSpec) -> Json:
    """Return the schema of a whole tensor's elements, nested or flat."""
    return {"type": "array", "items": {"anyOf": [_describe_element(spec), {"type": "array"}]}}


def _describe_element(spec: TensorSpec) -> Json:
    kind = DATATYPES[spec.datatype].kind
    if spec.schema is not None:
        return describe_text(spec.schema)
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


def describe_nested_lists(datatype: str, shape: tuple[int, ...] | None) -> Json:
    """Return the schema of a whole tensor as nested lists; its rank may be unknown."""
    spec = TensorSpec("", datatype, shape or ())
    if shape is None:
        element = _describe_element(spec)
        types = element["type"] if isinstance(element["type"], list) else [element["type"]]
        return {"type": ["array", *types]}
    return _nest(_describe_element(spec), shape)


def describe_map(keys: Sequence[Scalar], whole_keys: bool) -> Json:
    """Return the schema of a map to numbers as an object; `keys` are those that are known to mean something."""
    number = {"type": ["number", "null"]}
    schema: Json = {"type": "object", "additionalProperties": number, "minProperties": 1}
    if keys:
        schema["properties"] = {str(key): number for key in keys}
    if whole_keys:
        schema["propertyNames"] = {"pattern": WHOLE_NUMBER}
    return schema

"""Outputs that are not plain tensors: maps, sequences of maps (a classifier's "zipmap") and of tensors, optional ones.

All of them become tensors, so that every door can carry them. A map of class to probability is a row whose columns are
the classes, named in the output's `values`; a sequence of tensors is the text that it would be as an input.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import orjson

from airgate_serving.errors import BadModelFile
from airgate_serving.formats.onnx_inputs import NestedSpec, describe_nested
from airgate_serving.formats.onnx_types import Nested, find_onnx_datatype, read_nested, read_shape
from airgate_serving.tensors import ANY, Array, JsonText, Scalar, TensorSpec

TASK_CLASSIFICATION = "classification"


def choose_converters(outputs: Sequence[Any]) -> dict[str, Callable[[Any], Array]]:
    """Return, for each output that needs it, the function that makes a tensor of its value.

    Raises BadModelFile for an output that no door can carry.
    """
    return {node.name: _choose_converter(node) for node in outputs if not find_onnx_datatype(node.type)}


def describe_outputs(outputs: Sequence[Any], trial: Mapping[str, Any]) -> tuple[tuple[TensorSpec, ...], str]:
    """Return the outputs' specs and the task, as far as types and one trial run tell."""
    classes = next((_find_classes(value) for value in trial.values() if _find_classes(value)), ())
    specs = tuple(_describe_output(node, trial.get(node.name), classes) for node in outputs)
    return specs, TASK_CLASSIFICATION if classes else ""


def _choose_converter(node: Any) -> Callable[[Any], Array]:
    kind = read_nested(node.type)
    if kind is None:
        raise BadModelFile(
            f"The output {node.name!r} is of type {node.type}, which has no counterpart in Open Inference.",
            "Export the model with outputs of numbers or text.",
        )
    return partial(_convert, kind)


def _convert(kind: Nested, value: Any) -> Array:
    if kind.keys and value is not None:
        return convert_maps(value if kind.is_sequence else [value])
    parts = [np.asarray(part).tolist() for part in value] if isinstance(value, list) else value
    plain = parts.tolist() if isinstance(parts, np.ndarray) else parts
    return np.array([JsonText(orjson.dumps(plain).decode())], dtype=object)


def convert_maps(rows: Sequence[Mapping[Scalar, Any]]) -> Array:
    """Return maps of class to number as a matrix: a row each, the columns in the order of the first map."""
    if not rows:
        return np.empty((0, 0), dtype=np.float32)
    classes = list(rows[0])
    return np.array([[row[name] for name in classes] for row in rows], dtype=np.float32)


def _describe_output(node: Any, value: Any, classes: tuple[Scalar, ...]) -> TensorSpec:
    datatype = find_onnx_datatype(node.type)
    if datatype:
        is_label = bool(classes) and datatype in ("INT64", "BYTES")
        return TensorSpec(node.name, datatype, read_shape(node.shape), values=classes if is_label else ())
    kind = read_nested(node.type)
    assert kind is not None  # a converter was chosen for it
    if kind.keys:
        columns = len(_find_classes(value)) or ANY
        return TensorSpec(node.name, "FP32", (ANY, columns), values=_find_classes(value))
    return TensorSpec(node.name, "BYTES", (ANY,), schema=describe_nested(NestedSpec(node.name, kind)))


def _find_classes(value: Any) -> tuple[Scalar, ...]:
    """Return the keys of a map, or of the first map of a sequence."""
    first = value[0] if isinstance(value, list) and value else value
    return tuple(first) if isinstance(first, dict) else ()

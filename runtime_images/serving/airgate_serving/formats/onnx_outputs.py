"""Outputs that are not plain tensors: maps, sequences of maps (a classifier's "zipmap") and sequences of tensors.

All of them become tensors, so that every door can carry them: a map of class to probability is a row whose columns
are the classes, named in the output's `values`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from airgate_serving.errors import ModelRefused
from airgate_serving.formats.onnx_types import find_onnx_datatype, read_shape
from airgate_serving.tensors import ANY, Array, Scalar, TensorSpec, find_datatype

TASK_CLASSIFICATION = "classification"


def choose_converters(outputs: Sequence[Any]) -> dict[str, Callable[[Any], Array]]:
    """Return, for each output that needs it, the function that makes a tensor of its value."""
    return {node.name: _choose_converter(node.type) for node in outputs if not find_onnx_datatype(node.type)}


def describe_outputs(outputs: Sequence[Any], trial: Mapping[str, Any]) -> tuple[tuple[TensorSpec, ...], str]:
    """Return the outputs' specs and the task, as far as types and one trial run tell."""
    classes = next((_find_classes(value) for value in trial.values() if _find_classes(value)), ())
    specs = tuple(_describe_output(node, trial.get(node.name), classes) for node in outputs)
    return specs, TASK_CLASSIFICATION if classes else ""


def _choose_converter(onnx_type: str) -> Callable[[Any], Array]:
    if onnx_type.startswith("seq(map("):
        return convert_maps
    if onnx_type.startswith("map("):
        return lambda value: convert_maps([value])
    return convert_sequence


def convert_maps(rows: Sequence[Mapping[Scalar, Any]]) -> Array:
    """Return maps of class to number as a matrix: a row each, the columns in the order of the first map."""
    if not rows:
        return np.empty((0, 0), dtype=np.float32)
    classes = list(rows[0])
    return np.array([[row[name] for name in classes] for row in rows], dtype=np.float32)


def convert_sequence(parts: Any) -> Array:
    """Return a sequence of tensors of one shape as one tensor. Raises ModelRefused when the shapes differ."""
    if isinstance(parts, np.ndarray):
        return parts
    arrays = [np.asarray(part) for part in parts]
    if len({array.shape for array in arrays}) > 1:
        raise ModelRefused("The model answered a sequence of tensors of different shapes, which is no tensor.")
    return np.stack(arrays) if arrays else np.empty((0,), dtype=np.float32)


def _describe_output(node: Any, value: Any, classes: tuple[Scalar, ...]) -> TensorSpec:
    datatype = find_onnx_datatype(node.type)
    if datatype:
        is_label = bool(classes) and datatype in ("INT64", "BYTES")
        return TensorSpec(node.name, datatype, read_shape(node.shape), values=classes if is_label else ())
    if "map(" in node.type:
        columns = len(_find_classes(value)) or ANY
        return TensorSpec(node.name, "FP32", (ANY, columns), values=_find_classes(value))
    return _describe_sequence(node.name, value)


def _describe_sequence(name: str, value: Any) -> TensorSpec:
    if value is None or not len(value):
        return TensorSpec(name, "FP32", (ANY,))
    first = np.asarray(value[0])
    return TensorSpec(name, find_datatype(first.dtype), (ANY,) * (first.ndim + 1))


def _find_classes(value: Any) -> tuple[Scalar, ...]:
    """Return the keys of a map, or of the first map of a sequence."""
    first = value[0] if isinstance(value, list) and value else value
    return tuple(first) if isinstance(first, dict) else ()

"""Values, one a row, as a tensor: what records, rows and parts of forms have in common."""

import math
from typing import Any

import numpy as np
import orjson

from airgate_serving.elements import check_shape, read_array
from airgate_serving.errors import BadRequest
from airgate_serving.tensors import ANY, Array, TensorSpec


def stack(values: list[Any], spec: TensorSpec) -> Array:
    """Return one value a row as a tensor.

    A value may be a row without its first dimension, a whole tensor of one row, or a bare number where all further
    dimensions are 1. Raises BadRequest when it is none of these.
    """
    if spec.schema is not None:
        return write_texts(values, spec)
    array = read_array(values, spec)
    rank = len(spec.shape)
    if array.ndim == rank + 1:
        array = _merge_first(array)
    if array.ndim < rank:
        array = _unfold(array, spec)
    check_shape(array.shape, spec)
    return array


def write_texts(values: list[Any], spec: TensorSpec) -> Array:
    """Return values, one a row, as texts of JSON; what is a text is taken for JSON already. Raises BadRequest."""
    try:
        texts = [value if isinstance(value, str) else _dump(value) for value in values]
    except TypeError as error:
        raise BadRequest(f"The input {spec.name!r} holds what JSON does not have: {error}.") from error
    return np.array(texts, dtype=object)


def _dump(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def _merge_first(array: Array) -> Array:
    """Return [rows, a, ...] as [rows * a, ...]: every value was a whole tensor."""
    if array.ndim == 1:
        return array.reshape(()) if array.size == 1 else array
    return array.reshape((array.shape[0] * array.shape[1], *array.shape[2:]))


def _unfold(array: Array, spec: TensorSpec) -> Array:
    """Return flat values, one a row, in the shape of the model's rows where the number of elements allows it."""
    tail = tuple(1 if size == ANY else size for size in spec.shape[1:])
    fits = array.size == array.shape[0] * math.prod(tail)
    return array.reshape((array.shape[0], *tail)) if fits else array

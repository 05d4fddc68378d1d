"""Rows of a model whose inputs are not all tensors: each is a run of its own, for a map or a sequence is one value."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson

from airgate_serving.elements import check_shape, read_array
from airgate_serving.errors import BadRequest, ModelRefused
from airgate_serving.formats.onnx_inputs import NestedSpec
from airgate_serving.formats.onnx_types import TEXT_KEYS
from airgate_serving.tensors import ANY, Array, Tensors, TensorSpec

INT64 = np.iinfo(np.int64)
HINT_ROWS = "Send one row a request."


def split_rows(inputs: Tensors, nested: Sequence[NestedSpec]) -> Iterator[dict[str, Any]]:
    """Yield what each run is given. Raises BadRequest for what is not a row's JSON, or not by row."""
    texts = {one.name: inputs[one.name] for one in nested}
    plain = {name: array for name, array in inputs.items() if name not in texts}
    rows = _count_rows(nested[0].name, texts, plain)
    for place in range(rows):
        sliced = {name: array[place : place + 1] for name, array in plain.items()} if rows > 1 else plain
        yield {**sliced, **{one.name: read_row(one, texts[one.name][place]) for one in nested}}


def _count_rows(first: str, texts: Tensors, plain: Tensors) -> int:
    """Return how many runs there are. A single row may come with whole tensors of any shape."""
    rows = len(texts[first])
    if not rows:
        raise BadRequest(f"The input {first!r} has no row.", HINT_ROWS)
    for name, array in {**texts, **(plain if rows > 1 else {})}.items():
        if array.shape[:1] != (rows,):
            raise BadRequest(f"The input {name!r} has not the {rows} rows that {first!r} has.", HINT_ROWS)
    return rows


def join_rows(answers: Sequence[Tensors]) -> Tensors:
    """Return the answers of all rows as one. Raises ModelRefused where an output has not one row each time."""
    if len(answers) == 1:
        return answers[0]
    for name, first in answers[0].items():
        if any(answer[name].shape[:1] != (1,) or answer[name].shape != first.shape for answer in answers):
            raise ModelRefused(
                f"The output {name!r} is not one row for each row, so that they cannot be joined.", HINT_ROWS
            )
    return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}


def free_rows(spec: TensorSpec) -> TensorSpec:
    """Return an output of one row as one of as many as are asked."""
    if spec.shape[:1] != (1,):
        return spec
    return TensorSpec(spec.name, spec.datatype, (ANY, *spec.shape[1:]), spec.sample, spec.values, spec.schema)


def read_row(one: NestedSpec, text: str) -> Any:
    """Return what a row's text says, as ONNX Runtime takes it. Raises BadRequest with one sentence."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The input {one.name!r} holds a text that is not JSON: {error}.", _show(one)) from error
    if value is None and one.kind.is_optional:
        return None
    if not one.kind.is_sequence:
        return _read_map(one, value) if one.kind.keys else _read_tensor(one, value, one.name)
    if not isinstance(value, list):
        raise _explain(one, value)
    return [_read_tensor(one, part, f"{one.name}[{place}]") for place, part in enumerate(value)]


def _read_tensor(one: NestedSpec, value: Any, name: str) -> Array:
    if value is None or isinstance(value, dict):
        raise _explain(one, value)
    spec = TensorSpec(name, one.kind.datatype, one.shape or ())
    array = read_array(value, spec)
    if one.shape is not None:
        check_shape(array.shape, spec)
    return array


def _read_map(one: NestedSpec, value: Any) -> dict[Any, float]:
    if not isinstance(value, dict) or not value:
        raise _explain(one, value)
    numbers = read_array(list(value.values()), TensorSpec(one.name, one.kind.datatype, (ANY,)))
    if numbers.ndim != 1:
        raise BadRequest(f"The input {one.name!r} has lists in its map, which is of one number a key.", _show(one))
    keys = value if one.kind.keys == TEXT_KEYS else [_read_key(one, key) for key in value]
    return dict(zip(keys, numbers.tolist(), strict=True))


def _read_key(one: NestedSpec, key: str) -> int:
    digits = key.removeprefix("-")
    if digits.isascii() and digits.isdecimal() and len(digits) < 20 and INT64.min <= int(key) <= INT64.max:
        return int(key)
    raise BadRequest(
        f"The input {one.name!r} has the key {key[:40]!r}, which is no whole number of 64 bits.", _show(one)
    )


def _explain(one: NestedSpec, value: Any) -> BadRequest:
    """Return why a value is not what the input is."""
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "a truth value", type(None): "null"}
    found = kinds.get(type(value), "a number") if value or not isinstance(value, dict | list) else "nothing in it"
    return BadRequest(f"The input {one.name!r} is {one.words}; here is {found}.", _show(one))


def _show(one: NestedSpec) -> str:
    return f"A row is, for example, {one.example[:200]}."

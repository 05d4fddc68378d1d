"""From a signature to what a person starts with: a sample body, the fields of a form, a curl line. Pure.

Bodies follow the records contract of the runtimes: {"args": {"X": [record]}}, one record a row, one key an input; a
model with one matrix as its only input takes {"args": {"X": [[…]]}}.
"""

import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from airgate_web.domain.errors import Invalid
from airgate_web.domain.model import Signature, TensorSpec

FIELDS_MAX = 16  # columns of a matrix that a form still shows one by one
TRUE, FALSE = ("true", "yes", "1"), ("false", "no", "0", "")


class FieldKind(StrEnum):
    """How a form asks for a value."""

    WHOLE = "whole"
    NUMBER = "number"
    TEXT = "text"
    SWITCH = "switch"


@dataclass(frozen=True, slots=True)
class Field:
    """One value a person fills in. name: unique in the form. values: the possible ones, empty when any will do."""

    name: str
    kind: FieldKind
    sample: object
    values: tuple[object, ...] = ()


def make_sample(signature: Signature, sample: object = None) -> dict[str, Any]:
    """Return a body that a function of this signature takes: {"args": {"X": […]}} with one row.

    sample: a script's own example of its arguments; it has no inputs to make one from.
    """
    if not signature.inputs:
        return {"args": {} if sample is None else sample}
    matrix = find_matrix(signature)
    if matrix is not None:
        return {"args": {"X": [find_row(matrix)]}}
    return {"args": {"X": [{spec.name: find_row(spec) for spec in signature.inputs}]}}


def make_tensors(signature: Signature) -> dict[str, Any]:
    """Return a body for Open Inference `…/infer`: {"inputs": [{name, shape, datatype, data}]} with one row."""
    return {
        "inputs": [
            {
                "name": spec.name,
                "shape": find_sizes(spec),
                "datatype": spec.datatype,
                "data": flatten(spec.sample) if spec.sample is not None else fill(spec, math.prod(find_sizes(spec))),
            }
            for spec in signature.inputs
        ]
    }


def make_fields(signature: Signature) -> tuple[Field, ...]:
    """Return the fields of a form, or () when an input is too large for one: then JSON is the way."""
    matrix = find_matrix(signature)
    if matrix is not None and 0 < matrix.shape[1] <= FIELDS_MAX:
        row = find_row(matrix)
        return tuple(
            Field(f"{matrix.name}[{place}]", find_kind(matrix), value, matrix.values)
            for place, value in enumerate(row if isinstance(row, list) else [])
        )
    if not all(is_scalar(spec) for spec in signature.inputs):
        return ()
    return tuple(Field(spec.name, find_kind(spec), unwrap(find_row(spec)), spec.values) for spec in signature.inputs)


def read_form(signature: Signature, filled: Mapping[str, object]) -> dict[str, Any]:
    """Return the body that a filled form stands for; Invalid names the field that is missing or wrong."""
    return make_body(
        signature, {field.name: read_field(field, filled.get(field.name)) for field in make_fields(signature)}
    )


def read_draft(signature: Signature, filled: Mapping[str, object]) -> dict[str, Any]:
    """Return the body of a form that is not done: null for an empty field, and what cannot be read as it was typed."""
    return make_body(
        signature, {field.name: read_draft_field(field, filled.get(field.name)) for field in make_fields(signature)}
    )


def read_draft_field(field: Field, value: object) -> object:
    """Return a value as the field's kind where it is one."""
    try:
        return read_field(field, value)
    except Invalid:
        return None if value == "" else value


def make_body(signature: Signature, values: Mapping[str, object]) -> dict[str, Any]:
    """Return one row of values, by name or by place, as the body of a call."""
    row = list(values.values()) if find_matrix(signature) is not None else dict(values)
    return {"args": {"X": [row]}}


def read_field(field: Field, value: object) -> object:
    """Return a value as the field's kind; Invalid otherwise. A choice is found by its text."""
    for choice in field.values:
        if str(choice) == str(value):
            return choice
    if field.kind is FieldKind.TEXT:
        return "" if value is None else str(value)
    if field.kind is FieldKind.SWITCH:
        return read_switch(field, value)
    return read_number(field, value)


def read_switch(field: Field, value: object) -> bool:
    """Return a truth value."""
    text = str(value if value is not None else "").lower()
    if text not in TRUE + FALSE:
        raise Invalid(f"The field '{field.name}' is '{value}'.", "Write true or false.")
    return text in TRUE


def read_number(field: Field, value: object) -> float | int:
    """Return a number, whole when the model wants whole ones."""
    try:
        number = float(str(value))
        if not math.isfinite(number) or (field.kind is FieldKind.WHOLE and not number.is_integer()):
            raise ValueError
    except ValueError:
        wanted = "a whole number" if field.kind is FieldKind.WHOLE else "a number"
        shown = "empty" if value in (None, "") else f"'{value}'"
        raise Invalid(f"The field '{field.name}' is {shown}.", f"Write {wanted}.") from None
    return int(number) if field.kind is FieldKind.WHOLE else number


def make_curl(url: str, body: Mapping[str, object], token: str = "$TOKEN") -> str:  # noqa: S107  a shell variable
    """Return a curl command for a shell. token: the text, or the shell variable that has it."""
    quoted = json.dumps(body, ensure_ascii=False)
    return (
        f"curl {shlex.quote(url)} \\\n"
        f'  -H "Authorization: Bearer {token}" \\\n'
        "  -H 'Content-Type: application/json' \\\n"
        f"  -d {shlex.quote(quoted)}"
    )


def make_get(url: str, token: str = "$TOKEN") -> str:  # noqa: S107  a shell variable
    """Return a curl command that reads one address."""
    return f'curl {shlex.quote(url)} \\\n  -H "Authorization: Bearer {token}"'


def find_matrix(signature: Signature) -> TensorSpec | None:
    """Return the only input when it is a matrix of rows."""
    if len(signature.inputs) == 1 and len(signature.inputs[0].shape) == 2 and not is_scalar(signature.inputs[0]):
        return signature.inputs[0]
    return None


def find_row(spec: TensorSpec) -> Any:
    """Return the sample of one row of an input: the whole sample without its first dimension; of JSON what it says."""
    if spec.schema is not None and spec.sample:
        return json.loads(str(flatten(spec.sample)[0]))
    sample = spec.sample if spec.sample is not None else nest(fill(spec, math.prod(find_sizes(spec))), find_sizes(spec))
    if isinstance(sample, list) and len(sample) == 1 and spec.shape and spec.shape[0] in (-1, 1):
        return sample[0]
    return sample


def is_scalar(spec: TensorSpec) -> bool:
    """Return whether a row of this input is one value."""
    return (
        spec.schema is None and math.prod(find_sizes(spec)[1:]) == 1 and not any(size == -1 for size in spec.shape[1:])
    )


def find_kind(spec: TensorSpec) -> FieldKind:
    """Return how a form asks for an element of this type."""
    if spec.datatype.startswith(("INT", "UINT")):
        return FieldKind.WHOLE
    return {"BYTES": FieldKind.TEXT, "BOOL": FieldKind.SWITCH}.get(spec.datatype, FieldKind.NUMBER)


def find_sizes(spec: TensorSpec) -> list[int]:
    """Return the shape of the sample, or the spec's with 1 for every free dimension."""
    if spec.sample is not None:
        return measure(spec.sample)
    return [1 if size == -1 else size for size in spec.shape]


def measure(value: object) -> list[int]:
    """Return the shape of nested lists."""
    if not isinstance(value, list):
        return []
    return [len(value), *(measure(value[0]) if value else [])]


def flatten(value: object) -> list[object]:
    """Return the elements of nested lists in order."""
    return [leaf for item in value for leaf in flatten(item)] if isinstance(value, list) else [value]


def fill(spec: TensorSpec, count: int) -> list[object]:
    """Return so many elements of an input that has no sample."""
    filler: object = {"BYTES": "a", "BOOL": False}.get(spec.datatype, 0)
    return [filler] * count


def nest(flat: list[object], sizes: list[int]) -> object:
    """Return flat elements as nested lists of that shape."""
    if not sizes:
        return flat[0]
    step = len(flat) // sizes[0] if sizes[0] else 0
    return [nest(flat[place * step : (place + 1) * step], sizes[1:]) for place in range(sizes[0])]


def unwrap(value: object) -> object:
    """Return the one element of nested lists."""
    return flatten(value)[0] if isinstance(value, list) and value else value

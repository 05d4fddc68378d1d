"""The records/split contract: rows as a person has them, under `X`, with or without the `args` wrapper.

{"args": {"X": [{"a": 1, "b": 2}]}}                        records -> {"result": [{"y": 3}]}
{"X": {"columns": ["a", "b"], "data": [[1, 2]]}}           split   -> {"result": {"columns": ["y"], "data": [[3]]}}
{"X": [[1, 2]]}  or  {"X": {"a": 1, "b": 2}}               also taken, answered as records
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from airgate_serving.codecs.stack import stack
from airgate_serving.errors import BadRequest
from airgate_serving.tensors import ANY, Array, JsonText, Signature, Tensors, TensorSpec

HINT = 'Send {"X":[{"column":1.0}]} or {"X":{"columns":["column"],"data":[[1.0]]}}.'
MOST_NAMED = 8  # names in a sentence


@dataclass(frozen=True, slots=True)
class Table:
    """Rows by position. Without `columns` the rows are taken in the order of the model's inputs."""

    columns: tuple[str, ...]
    rows: list[list[Any]]
    split: bool = False


def decode_records(body: bytes, signature: Signature) -> tuple[Tensors, Table]:
    """Return the tensors and the table they came in. Raises BadRequest with one sentence."""
    return read_arguments(_parse(body), signature)


def read_arguments(arguments: Any, signature: Signature) -> tuple[Tensors, Table]:
    """Return the tensors of parsed arguments. Raises BadRequest with one sentence."""
    table = read_table(_find_rows(arguments))
    return arrange(table, signature), table


def encode_result(tensors: Tensors, table: Table) -> bytes:
    """Return `{"result": ...}` in the orientation of the request."""
    return orjson.dumps({"result": build_result(tensors, table)}, option=orjson.OPT_SERIALIZE_NUMPY)


def build_result(tensors: Tensors, table: Table) -> Any:
    """Return the outputs as records, or as columns and data where the request was split."""
    names = list(tensors)
    columns = [_split_rows(tensors[name], len(table.rows)) for name in names]
    rows = list(zip(*columns, strict=True))
    if table.split:
        return {"columns": names, "data": rows}
    return [dict(zip(names, row, strict=True)) for row in rows]


def make_sample_arguments(signature: Signature) -> dict[str, Any]:
    """Return `{"X": [record]}` with the sample of every input, in the form that `read_arguments` takes."""
    return {"X": [{spec.name: _take_row(spec) for spec in signature.inputs}]}


def _take_row(spec: TensorSpec) -> Any:
    if spec.schema is not None and isinstance(spec.sample, list):
        return orjson.loads(spec.sample[0])
    if isinstance(spec.sample, list) and len(spec.sample) == 1 and spec.shape and spec.shape[0] in (ANY, 1):
        return spec.sample[0]
    return spec.sample


def _parse(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error}.", HINT) from error


def _find_rows(body: Any) -> Any:
    arguments = body.get("args", body) if isinstance(body, dict) else None
    if not isinstance(arguments, dict) or "X" not in arguments:
        raise BadRequest("The body has no X, the rows to predict.", HINT)
    return arguments["X"]


def read_table(rows: Any) -> Table:
    """Return rows of any of the forms as a table. Raises BadRequest for any other."""
    if isinstance(rows, dict):
        return _read_split(rows) if "columns" in rows and "data" in rows else _read_records([rows])
    if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
        return _read_records(rows)
    if isinstance(rows, list) and all(isinstance(row, list) for row in rows):
        return Table((), rows)
    raise BadRequest("X is neither records, split data nor rows of numbers.", HINT)


def _read_records(records: list[dict[str, Any]]) -> Table:
    columns = tuple(records[0])
    for number, record in enumerate(records):
        if len(record) != len(columns) or any(name not in record for name in columns):
            raise BadRequest(f"Record {number} has the columns {_list(tuple(record))}; record 0 has {_list(columns)}.")
    return Table(columns, [[record[name] for name in columns] for record in records])


def _read_split(split: dict[str, Any]) -> Table:
    columns, rows = split["columns"], split["data"]
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise BadRequest("X.columns is not a list of names.", HINT)
    if not isinstance(rows, list):
        raise BadRequest("X.data is not a list of rows.", HINT)
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(columns):
            raise BadRequest(f"Row {number} of X.data does not have {len(columns)} values, one a column.")
    return Table(tuple(columns), rows, split=True)


def arrange(table: Table, signature: Signature) -> Tensors:
    """Return one tensor an input: by name where the names are there, else all columns as the one matrix."""
    if not table.rows:
        raise BadRequest("The body has no rows.", HINT)
    places = {name: place for place, name in enumerate(table.columns)}
    missing = [spec.name for spec in signature.inputs if spec.name not in places]
    if not missing:
        return {spec.name: _read_column(table, places[spec.name], spec) for spec in signature.inputs}
    if len(signature.inputs) == 1:
        return {signature.inputs[0].name: _read_matrix(table, signature.inputs[0])}
    if not table.columns and {len(row) for row in table.rows} == {len(signature.inputs)}:
        return {spec.name: _read_column(table, place, spec) for place, spec in enumerate(signature.inputs)}
    sent = _list(table.columns) if table.columns else "no names"
    wanted = _list(tuple(spec.name for spec in signature.inputs))
    raise BadRequest(f"X lacks {_list(tuple(missing))}: it has {sent}; the model takes {wanted}.")


def _read_matrix(table: Table, spec: TensorSpec) -> Array:
    """Return whole rows as the model's only input: [rows, columns], or a single column of texts or numbers.

    An input whose texts are JSON, such as a map, is each record itself.
    """
    if spec.schema is not None:
        names = table.columns
        return stack([dict(zip(names, row, strict=True)) for row in table.rows] if names else table.rows, spec)
    if len(spec.shape) == 1 and all(len(row) == 1 for row in table.rows):
        return stack([row[0] for row in table.rows], spec)
    width = spec.shape[1] if len(spec.shape) == 2 else ANY
    if table.columns and width not in (ANY, len(table.columns)):
        sent = f"it has {_list(table.columns)}; the model takes {spec.name!r}, or {width} columns in its place"
        raise BadRequest(f"X lacks {spec.name!r}: {sent}.")
    return stack(table.rows, spec)


def _read_column(table: Table, place: int, spec: TensorSpec) -> Array:
    return stack([row[place] for row in table.rows], spec)


def _split_rows(array: Array, rows: int) -> list[Any]:
    """Return one value a row; an output that is not by row stands whole in every row's place."""
    array = _name_integers(array)
    if array.ndim == 0 or array.shape[0] != rows:
        return [_whole(array)] * rows
    if array.dtype.kind in "OUS":
        return [_read_json(element) for element in array.tolist()]
    return list(np.ascontiguousarray(array))


def _name_integers(array: Array) -> Array:
    """Return integers under their width's own name: "long long" is as wide as int64, but orjson does not know it."""
    return array.view(f"{array.dtype.kind}{array.dtype.itemsize}") if array.dtype.kind in "iu" else array


def _whole(array: Array) -> Any:
    if array.dtype.kind in "OUS":
        return [_read_json(element) for element in array.tolist()]
    return np.ascontiguousarray(array) if array.ndim else array[()]  # orjson knows scalars, but no array without axes


def _read_json(value: Any) -> Any:
    """Return texts, nested or not, with what is JSON in them as what it says."""
    if isinstance(value, list):
        return [_read_json(one) for one in value]
    return orjson.loads(str(value)) if isinstance(value, JsonText) else value


def _list(names: tuple[str, ...]) -> str:
    shown = ", ".join(repr(str(name)[:60]) for name in names[:MOST_NAMED])
    return shown + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")

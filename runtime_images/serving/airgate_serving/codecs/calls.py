"""Calls of a script's functions: whatever JSON or form comes in, `args`; whatever the function answers, `result`."""

from dataclasses import dataclass
from typing import Any

import orjson

from airgate_serving.codecs.forms import CONTENT_FORM, Part, read_parts
from airgate_serving.errors import BadRequest, ModelFailed

OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
HINT = 'Send {"args": {…}}, or the arguments themselves.'


@dataclass(frozen=True, slots=True)
class Call:
    """A function and its arguments. A table that comes back is answered `split` where X was."""

    function: str
    args: Any

    def is_split(self) -> bool:
        """Return whether X came as columns and data."""
        rows = self.args.get("X") if isinstance(self.args, dict) else None
        return isinstance(rows, dict) and set(rows) >= {"columns", "data"}


def read_call(function: str, body: bytes, content_type: str) -> Call:
    """Return the call that a body asks for. Raises BadRequest with one sentence."""
    if content_type.startswith(CONTENT_FORM):
        return Call(function, {part.name: _read_part(part) for part in read_parts(body, content_type)})
    try:
        parsed = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not JSON: {error}.", HINT) from error
    return Call(function, unwrap(parsed))


def unwrap(parsed: Any) -> Any:
    """Return the arguments without the wrapper that the earlier product's clients send."""
    return parsed["args"] if isinstance(parsed, dict) and set(parsed) == {"args"} else parsed


def _read_part(part: Part) -> Any:
    """Return a file as bytes, and a field as the JSON or the text that it holds."""
    if part.filename:
        return part.content
    try:
        return orjson.loads(part.content)
    except orjson.JSONDecodeError:
        return part.content.decode("utf-8", "replace")


def write_result(value: Any, split: bool) -> bytes:
    """Return `{"result": …}`. Raises ModelFailed for what JSON cannot hold."""
    try:
        return orjson.dumps({"result": arrange_result(value, split)}, default=_write_other, option=OPTIONS)
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelFailed(f"The script answered what JSON cannot hold: {str(error)[:120]}.") from error


def arrange_result(value: Any, split: bool) -> Any:
    """Return a DataFrame as records, or as columns and data; everything else as it is."""
    if not _is_frame(value):
        return value
    table = value.to_dict(orient="split", index=False)
    if split:
        return {"columns": table["columns"], "data": table["data"]}
    return [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]


def _is_frame(value: Any) -> bool:
    return hasattr(value, "to_dict") and hasattr(value, "columns")


def _write_other(value: Any) -> Any:
    """Return what JSON has for a value of another kind: arrays and sets become lists, bytes text."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(f"a {type(value).__name__}")

"""Plain values: frozen dataclasses to what JSON can say, and back. Used to keep them and to send them."""

import dataclasses
import datetime
import functools
import math
import types
import typing
from enum import Enum
from typing import Any


def make_plain(value: object) -> Any:
    """Return `value` with dataclasses as dicts, tuples as lists, enums by value and times as ISO 8601."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: make_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): make_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [make_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no word for it, and PostgreSQL refuses Python's
    return value


def read_plain(kind: Any, value: Any) -> Any:
    """Return what `make_plain` made plain as the `kind` it was; a field that is missing takes its default.

    Raises ValueError or TypeError when `value` is not of that shape.
    """
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return None if value is None else read_plain(typing.get_args(kind)[0], value)
    if origin is tuple:
        return tuple(read_plain(typing.get_args(kind)[0], item) for item in value)
    if origin is dict:
        return {key: read_plain(typing.get_args(kind)[1], item) for key, item in value.items()}
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = read_hints(kind)
        return kind(**{name: read_plain(hints[name], item) for name, item in value.items() if name in hints})
    if kind is datetime.datetime:
        return datetime.datetime.fromisoformat(value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    return value


@functools.cache
def read_hints(kind: type) -> dict[str, Any]:
    """Return the types of a dataclass's fields, resolved once."""
    return typing.get_type_hints(kind)

"""Parquet files of rows, by fastparquet: the only file that knows it.

fastparquet, with what it needs, has 15 MB and starts no thread; Arrow would have 154 MB, start threads, and be imported
by pandas and LightGBM wherever it is installed. A file's own row groups are read one at a time.
"""

import contextlib
import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson

from airgate_serving.batch.flat import flatten
from airgate_serving.errors import BadRequest

GROUP = 50_000  # rows of a row group that is written
MOST_IN_GROUP = 4 * 1024**3  # bytes that a row group may say it has
HINT = "Write it again, or give the rows as CSV or JSON lines."
HINT_MISSING = "Install it (pip install '.[serving]' in the project's folder), or give CSV or JSON lines."
NULL, BOOL, WHOLE, FRACTION, TEXT = range(5)  # what a column holds, each able to hold what stands before, but for texts
DTYPES = {NULL: "object", BOOL: "boolean", WHOLE: "Int64", FRACTION: "float64", TEXT: "object"}
LARGEST = 2**63 - 1


def read_parquet(path: Path, skip: int) -> Iterator[dict[str, Any]]:
    """Yield rows as records, from the row after the first `skip`; groups before it are not read. Raises BadRequest."""
    library = import_library()
    with _explained():
        file = library.ParquetFile(str(path))
        for group in file.row_groups:
            if skip >= group.num_rows:
                skip -= group.num_rows
                continue
            yield from itertools.islice(_read_group(file, group), skip, None)
            skip = 0


def count_parquet(path: Path) -> int:
    """Return how many rows a file says it has. Raises BadRequest."""
    library = import_library()
    with _explained():
        return sum(group.num_rows for group in library.ParquetFile(str(path)).row_groups)


def _read_group(file: Any, group: Any) -> Iterator[dict[str, Any]]:
    if group.total_byte_size and group.total_byte_size > MOST_IN_GROUP:
        raise BadRequest(f"A row group has {group.total_byte_size} bytes; {MOST_IN_GROUP} are read.", HINT)
    frame = file.read_row_group_file(group, file.columns, [], index=False)
    columns = [(str(name), [_make_plain(value, str(name)) for value in frame[name]]) for name in frame.columns]
    for values in zip(*(values for _, values in columns), strict=True):
        yield dict(zip((name for name, _ in columns), values, strict=True))


def _make_plain(value: Any, column: str) -> Any:
    """Return a cell as JSON would have it: numbers, texts, truths, lists; None for missing; times as texts."""
    if isinstance(value, np.ndarray | list | tuple):
        return [_make_plain(element, column) for element in value]
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or (isinstance(value, float) and math.isnan(value)) or not _is_there(value):
        return None
    if isinstance(value, bytes):
        raise BadRequest(f"The column {column!r} holds bytes, which no model takes as a column.", "Store texts.")
    return value if isinstance(value, bool | int | float | str | dict) else str(value)


def _is_there(value: Any) -> bool:
    """Return whether a value is none of pandas' own words for a missing one, which are not equal to themselves."""
    try:
        return bool(value == value)
    except TypeError:
        return False


def write_parquet(lines: BinaryIO, to: BinaryIO) -> None:
    """Write records, a JSON line each, as a Parquet file with a type for every column that all its rows have."""
    library = import_library()
    kinds = find_kinds(_read_records(lines))
    frames = (_make_frame(group, kinds) for group in _group(_read_records(lines)))
    texts = {name: "utf8" for name, kind in kinds.items() if DTYPES[kind] == "object"}
    metadata = library.writer.make_metadata(_make_frame([], kinds), has_nulls=True, object_encoding=texts)
    to.seek(0)
    to.truncate()
    library.writer.write_simple(to, frames, metadata, compression="SNAPPY")
    to.flush()


def find_kinds(records: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return, for each column in the order of its appearance, the least kind that holds all its values."""
    kinds: dict[str, int] = {}
    for record in records:
        for name, value in record.items():
            kinds[name] = _join(kinds.get(name, NULL), _find_kind(value))
    return kinds


def _find_kind(value: Any) -> int:
    if value is None:
        return NULL
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return WHOLE if abs(value) <= LARGEST else FRACTION
    return FRACTION if isinstance(value, float) else TEXT


def _join(one: int, other: int) -> int:
    """Return the kind that holds both; truths beside numbers have none but texts."""
    mixed = BOOL in (one, other) and max(one, other) > BOOL
    return TEXT if mixed else max(one, other)


def _read_records(lines: BinaryIO) -> Iterator[dict[str, Any]]:
    lines.seek(0)
    for line in lines:
        yield flatten(orjson.loads(line))


def _group(records: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while group := list(itertools.islice(records, GROUP)):
        yield group


def _make_frame(records: list[dict[str, Any]], kinds: Mapping[str, int]) -> Any:
    import pandas

    types: Mapping[int, Any] = DTYPES
    columns = {
        name: pandas.array([_fit(record.get(name), kind) for record in records], dtype=types[kind])
        for name, kind in kinds.items()
    }
    return pandas.DataFrame(columns)


def _fit(value: Any, kind: int) -> Any:
    """Return a value as its column holds it."""
    if value is None:
        return math.nan if kind == FRACTION else None
    if kind == TEXT:
        return value if isinstance(value, str) else orjson.dumps(value).decode()
    return float(value) if kind == FRACTION else value


def import_library() -> Any:
    """Return fastparquet. Raises BadRequest where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it asks pandas for an option that pandas will drop
            import fastparquet.writer
    except ImportError as error:
        raise BadRequest("Parquet needs fastparquet, which this runtime does not have.", HINT_MISSING) from error
    return fastparquet


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Turn whatever fastparquet stumbles over in a file into a sentence."""
    try:
        yield
    except BadRequest:
        raise
    except Exception as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise BadRequest(f"The Parquet file cannot be read: {reason}.", HINT) from error

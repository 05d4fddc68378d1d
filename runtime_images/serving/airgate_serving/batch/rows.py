"""Files of rows, read a chunk at a time: CSV with a header, JSON lines with a record each, or Parquet."""

import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import orjson

from airgate_serving.batch.parquet import count_parquet, read_parquet
from airgate_serving.codecs.csv_rows import choose_texts, read_line
from airgate_serving.codecs.records import Table, read_table
from airgate_serving.errors import BadRequest
from airgate_serving.tensors import Signature

CSV, JSON_LINES, PARQUET = "csv", "jsonl", "parquet"
KINDS = {".csv": CSV, ".jsonl": JSON_LINES, ".ndjson": JSON_LINES, ".parquet": PARQUET}
HINT_KIND = "Name it .csv, .parquet, or .jsonl for a JSON record on each line."


def find_kind(path: Path) -> str:
    """Return what a file of rows is by its ending. Raises BadRequest for any other."""
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise BadRequest(f"{path.name} is neither CSV nor JSON lines nor Parquet.", HINT_KIND)
    return kind


def read_chunks(path: Path, signature: Signature, size: int, skip: int = 0) -> Iterator[Table]:
    """Yield tables of `size` rows, from the row after the first `skip`. Raises BadRequest that says which row."""
    rows = _read_rows(path, signature, skip)
    while chunk := list(itertools.islice(rows, size)):
        yield _make_table(chunk, skip)
        skip += len(chunk)


def count_rows(path: Path) -> int:
    """Return how many rows a file has. Raises BadRequest for one that cannot be read to its end."""
    kind = find_kind(path)
    if kind == PARQUET:
        return count_parquet(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = filter(None, csv.reader(file, strict=True)) if kind == CSV else filter(str.strip, file)
        count = sum(1 for _ in _explained(lines))
    return max(0, count - 1) if kind == CSV else count


def _read_rows(path: Path, signature: Signature, skip: int) -> Iterator[Any]:
    kind = find_kind(path)
    if kind == PARQUET:
        yield from read_parquet(path, skip)
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = _read_csv(file, signature) if kind == CSV else _read_lines(file)
        yield from itertools.islice(_explained(rows), skip, None)


def _make_table(records: list[Any], first: int) -> Table:
    try:
        return read_table(records)
    except BadRequest as error:
        raise BadRequest(f"In the {len(records)} rows from row {first}: {error.sentence}", error.hint) from error


def _explained(rows: Iterator[Any]) -> Iterator[Any]:
    """Yield the rows; what cannot be read becomes a sentence."""
    try:
        yield from rows
    except UnicodeDecodeError as error:
        raise BadRequest("The file of rows is not UTF-8.", "Save it as UTF-8.") from error
    except csv.Error as error:
        raise BadRequest(f"The CSV file cannot be read: {error}.", HINT_KIND) from error


def _read_csv(file: TextIO, signature: Signature) -> Iterator[dict[str, Any]]:
    lines = (line for line in csv.reader(file, strict=True) if line)
    columns = next(lines, [])
    texts = choose_texts(columns, signature)
    for number, line in enumerate(lines):
        yield dict(zip(columns, read_line(number, line, texts), strict=True))


def _read_lines(file: TextIO) -> Iterator[Any]:
    for number, line in enumerate(filter(str.strip, file)):
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise BadRequest(f"Line {number} is not JSON: {error}.", HINT_KIND) from error

"""Which columns a data set seems to have, by its first line: a help for filling in a form, and no more."""

import csv
import json
from collections.abc import Sequence


def find_columns(head: str, kind: str) -> tuple[str, ...]:
    """Return the names of the columns, none where the first lines do not tell. kind: csv, jsonl or parquet."""
    first = head.lstrip("\ufeff").splitlines()[:1]
    try:
        return READERS[kind](first[0]) if first and kind in READERS else ()
    except (ValueError, csv.Error):
        return ()


def read_csv(line: str) -> tuple[str, ...]:
    """Return the names in a header; csv.Error for what is none."""
    return tuple(name for name in next(csv.reader([line], strict=True), []) if name.strip())


def read_record(line: str) -> tuple[str, ...]:
    """Return the names in a record; ValueError for what is none."""
    record = json.loads(line)
    return tuple(record) if isinstance(record, dict) else ()


READERS = {"csv": read_csv, "jsonl": read_record}


def find_others(columns: Sequence[str], inputs: Sequence[str]) -> tuple[str, ...]:
    """Return the columns that a model does not ask for; none where it asks for none of them by name."""
    if not set(columns) & set(inputs):
        return ()
    return tuple(name for name in columns if name not in inputs)

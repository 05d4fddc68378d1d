"""Rows of a CSV file: a header with the names of the columns, then one row a line.

A cell is a text where the model takes a text in that column, else a number; an empty cell is a missing value.
"""

import csv
import io
from collections.abc import Sequence

from airgate_serving.codecs.records import Table
from airgate_serving.errors import BadRequest
from airgate_serving.tensors import Signature

HINT = "The first line has the names of the columns, every other line as many values, with commas between."


def read_csv(raw: bytes, signature: Signature) -> Table:
    """Return the rows of a CSV file. Raises BadRequest with one sentence."""
    lines = _split_lines(raw)
    columns = tuple(lines[0]) if lines else ()
    if not columns:
        raise BadRequest("The CSV file is empty.", HINT)
    texts = choose_texts(columns, signature)
    return Table(columns, [read_line(number, line, texts) for number, line in enumerate(lines[1:])])


def choose_texts(columns: Sequence[str], signature: Signature) -> list[bool]:
    """Return, for each column, whether the model takes it as a text."""
    texts = frozenset(spec.name for spec in signature.inputs if spec.datatype == "BYTES")
    takes_texts = (
        bool(texts) and len(texts) == len(signature.inputs) and not any(spec.schema for spec in signature.inputs)
    )
    return [takes_texts or name in texts for name in columns]


def _split_lines(raw: bytes) -> list[list[str]]:
    try:
        text = raw.decode("utf-8-sig")
        return [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    except UnicodeDecodeError as error:
        raise BadRequest("The CSV file is not UTF-8.", "Save it as UTF-8.") from error
    except csv.Error as error:
        raise BadRequest(f"The CSV file cannot be read: {error}.", HINT) from error


def read_line(number: int, line: list[str], kept: list[bool]) -> list[object]:
    """Return a line's values: texts where they are kept as such, else numbers. Raises BadRequest for a wrong count."""
    if len(line) != len(kept):
        raise BadRequest(f"Row {number} of the CSV file has {len(line)} values for {len(kept)} columns.", HINT)
    return [cell if keep else read_number(cell) for cell, keep in zip(line, kept, strict=True)]


def read_number(cell: str) -> object:
    """Return the number or truth that a text says, nothing for an empty one, and the text itself for any other."""
    text = cell.strip()
    if not text:
        return None
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return cell


_WORDS = {"true": True, "false": False}

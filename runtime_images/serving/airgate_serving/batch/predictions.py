"""What a model answers to a table, as rows, and how they are written while more are to come: CSV or JSON lines."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from airgate_serving.batch.flat import NO_LABELS, Labels, flatten
from airgate_serving.batch.rows import CSV, JSON_LINES
from airgate_serving.codecs.calls import write_result
from airgate_serving.codecs.records import Table, arrange, encode_result
from airgate_serving.errors import BadRequest, ModelFailed, ModelRefused, ServingError
from airgate_serving.formats.interface import Runner, Script

OPTIONS = orjson.OPT_APPEND_NEWLINE


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns go where: `target` holds the right answer, `keep` are copied; the model sees neither unless it
    asks for them by name."""

    target: str = ""
    keep: tuple[str, ...] = ()

    def split(self, table: Table, runner: Runner) -> Table:
        """Return the table that the model is given."""
        apart = {self.target, *self.keep} - set(runner.info.signature.input_by_name)
        places = [place for place, name in enumerate(table.columns) if name not in apart]
        if len(places) == len(table.columns):
            return table
        return Table(tuple(table.columns[place] for place in places), [[row[p] for p in places] for row in table.rows])


def predict(runner: Runner, table: Table, columns: Columns, first: int = 0) -> list[dict[str, Any]]:
    """Return a record a row: what is kept of it, then what the model answers.

    `first` is the number of the table's first row in the file, from 0. Raises BadRequest or ModelRefused, which name
    the row where it is one of several.
    """
    asked = columns.split(table, runner)
    try:
        answers = _ask(runner, asked)
    except (BadRequest, ModelRefused) as error:
        raise _name_row(runner, asked, first) or error from error
    if len(answers) != len(table.rows):
        raise ModelFailed(f"The model answered {len(answers)} rows for {len(table.rows)}.")
    places = {name: table.columns.index(name) for name in columns.keep if name in table.columns}
    kept = [{name: row[place] for name, place in places.items()} for row in table.rows]
    return [{**before, **answer} for before, answer in zip(kept, answers, strict=True)]


def _ask(runner: Runner, table: Table) -> list[dict[str, Any]]:
    return _ask_script(runner, table) if isinstance(runner, Script) else _ask_model(runner, table)


def _name_row(runner: Runner, table: Table, first: int) -> ServingError | None:
    """Return why the first row that is refused by itself is so; None where every one is, or none."""
    refused: list[ServingError] = []
    for number, row in enumerate(table.rows, first):
        try:
            _ask(runner, Table(table.columns, [row]))
        except (BadRequest, ModelRefused) as error:
            refused.append(type(error)(f"Row {number}: {error.sentence}", error.hint))
    return refused[0] if 0 < len(refused) < len(table.rows) else None


def _ask_model(runner: Runner, table: Table) -> list[dict[str, Any]]:
    outputs = runner.run(arrange(table, runner.info.signature))
    found: list[dict[str, Any]] = orjson.loads(encode_result(outputs, table))["result"]
    return found


def _ask_script(script: Script, table: Table) -> list[dict[str, Any]]:
    records = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    result = orjson.loads(write_result(script.call("predict", {"X": records}), split=False))["result"]
    if not isinstance(result, list):
        raise ModelFailed("The script did not answer one value a row.")
    return [row if isinstance(row, dict) else {"result": row} for row in result]


def write_rows(records: Sequence[dict[str, Any]], kind: str, with_header: bool, labels: Labels = NO_LABELS) -> bytes:
    """Return records as lines: CSV, or JSON, of which Parquet is made in the end; lists stay lists in JSON alone."""
    flat = records if kind == JSON_LINES else [flatten(record, labels) for record in records]
    if kind != CSV:
        return b"".join(orjson.dumps(record, option=OPTIONS) for record in flat)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(flat[0]), lineterminator="\n", restval="", extrasaction="ignore")
    if with_header:
        writer.writeheader()
    writer.writerows(flat)
    return text.getvalue().encode()

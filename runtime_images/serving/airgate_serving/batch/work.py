"""A whole file of rows through a model: chunk by chunk, with progress on disk that a later run goes on from."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from airgate_serving.batch.flat import find_labels
from airgate_serving.batch.parquet import write_parquet
from airgate_serving.batch.predictions import Columns, predict, write_rows
from airgate_serving.batch.rows import PARQUET, read_chunks
from airgate_serving.codecs.records import Table
from airgate_serving.formats.interface import Runner


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done: `key` says by digests and arguments whether a progress is of the same work."""

    rows: Path
    kind: str  # of what is written
    columns: Columns
    chunk: int
    key: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a work is: rows answered, and bytes written for them."""

    rows: int = 0
    bytes: int = 0


def do_work(
    runner: Runner, work: Work, part: BinaryIO, progress: BinaryIO, tell: Callable[[Progress], None]
) -> Progress:
    """Answer the rows that are not answered yet; each chunk is on disk before its progress is.

    What becomes Parquet is JSON lines until `finish_work`: its types and its end are known when all rows are.
    """
    done, labels = read_progress(progress, work.key), find_labels(runner.info.signature)
    os.ftruncate(part.fileno(), done.bytes)
    part.seek(done.bytes)
    for table in read_chunks(work.rows, runner.info.signature, work.chunk, done.rows):
        answers = predict(runner, table, work.columns, done.rows)
        content = write_rows(answers, work.kind, not done.rows, labels)
        part.write(content)
        _reach_disk(part)
        done = Progress(done.rows + len(table.rows), done.bytes + len(content))
        write_progress(progress, work.key, done)
        tell(done)
    return done


def finish_work(work: Work, part: BinaryIO, whole: BinaryIO) -> None:
    """Make the Parquet file of the lines in `part`, and see it reach the disk."""
    assert work.kind == PARQUET
    write_parquet(part, whole)
    _reach_disk(whole)


def read_progress(file: BinaryIO, key: str) -> Progress:
    """Return how far the same work has come, or nothing done where the file is of another, or torn."""
    file.seek(0)
    try:
        found = orjson.loads(file.read())
        return Progress(int(found["rows"]), int(found["bytes"])) if found["key"] == key else Progress()
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return Progress()


def write_progress(file: BinaryIO, key: str, done: Progress) -> None:
    """Write how far the work is, and see it reach the disk."""
    content = orjson.dumps({"key": key, "rows": done.rows, "bytes": done.bytes}, option=orjson.OPT_APPEND_NEWLINE)
    file.seek(0)
    file.write(content)
    file.truncate(len(content))
    _reach_disk(file)


def _reach_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def read_pairs(runner: Runner, work: Work) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    """Yield every chunk with what the model answers to it, for those who compare."""
    first = 0
    for table in read_chunks(work.rows, runner.info.signature, work.chunk):
        yield table, predict(runner, table, work.columns, first)
        first += len(table.rows)

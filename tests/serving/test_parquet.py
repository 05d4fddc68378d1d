"""Parquet in and out: types as they are, row groups one at a time, a killed run gone on with, strangers' files."""

import contextlib
import faulthandler
import json
import os
import signal
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris

from airgate_serving.batch import parquet
from airgate_serving.batch.parquet import find_kinds, import_library, read_parquet, write_parquet
from airgate_serving.batch.rows import read_chunks
from airgate_serving.errors import BadRequest
from tests.serving.server import run_command
from tests.serving.test_batch import SLOW, kill_and_go_on, read_steps
from tests.serving.test_codecs import COLUMNS

fastparquet = import_library()
ARROW = Path(__file__).parent / "written_by_arrow.parquet"
"""Written by Arrow 24: three row groups, zstd; nulls, dictionary, dates, decimals, lists."""
FRAME, KINDS = load_iris(return_X_y=True, as_frame=True)


def write_back(path: Path, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return records that were written as Parquet and read again."""
    lines = BytesIO("".join(json.dumps(record) + "\n" for record in records).encode())
    with path.open("w+b") as file:
        write_parquet(lines, file)
    return list(read_parquet(path, 0))


def test_a_file_that_arrow_wrote_is_read_as_it_was_meant() -> None:
    """Whole numbers past a double's digits, missing cells of every type, texts of any language."""
    rows = list(read_parquet(ARROW, 0))
    assert [row["whole"] for row in rows] == [1, 2, None, 4, 5, 6, 2**53 + 1]
    assert [row["text"] for row in rows] == ["a", "é", None, "", "日本", "x,y", '"']
    assert [row["truth"] for row in rows] == [True, False, None, True, True, False, True]
    assert [row["kind"] for row in rows][:4] == ["red", "blue", None, "red"]
    assert [row["double"] for row in rows][:4] == [0.1, 1 / 3, None, 2e-300]
    assert np.float32(rows[0]["single"]) == np.float32(0.1) and rows[6]["unsigned"] == 2**32 - 1
    assert rows[0]["day"].startswith("2026-01-01") and rows[1]["price"] == 1.25 and rows[1]["vector"] == [3.0, 4.0]
    json.dumps(rows)


@pytest.mark.parametrize("skip", range(8))
def test_rows_that_were_answered_are_skipped_by_whole_groups(monkeypatch, skip) -> None:
    """To go on at the last row of a large file, the file is not read again."""
    opened: list[int] = []
    read = parquet._read_group

    def count(file: Any, group: Any) -> Any:
        opened.append(group.num_rows)
        return read(file, group)

    monkeypatch.setattr(parquet, "_read_group", count)
    assert [row["small"] for row in read_parquet(ARROW, skip)] == list(range(skip + 1, 8))
    assert opened == [3, 3, 1][min(skip, 7) // 3 :] if skip < 7 else not opened


def test_what_is_written_has_the_type_that_all_rows_of_a_column_have(tmp_path) -> None:
    """A column that is empty in the first million rows may be anything in the next."""
    records = [
        {"late": None, "whole": 1, "mixed": 1, "odd": True, "text": "a", "never": None, "Probabilities": [0.25, 0.75]},
        {"late": 2.5, "whole": None, "mixed": 0.5, "odd": 3, "text": None, "never": None, "Probabilities": [1.0, 0.0]},
        {"late": None, "whole": 2**60 + 1, "mixed": 2, "odd": None, "text": "é", "more": False, "Probabilities": None},
    ]
    found = write_back(tmp_path / "o.parquet", records)
    assert [row["late"] for row in found] == [None, 2.5, None]
    assert [row["whole"] for row in found] == [1, None, 2**60 + 1]
    assert [row["mixed"] for row in found] == [1.0, 0.5, 2.0]
    assert [row["odd"] for row in found] == ["true", "3", None]
    assert [row["text"] for row in found] == ["a", None, "é"]
    assert [row["more"] for row in found] == [None, None, False] and found[0]["never"] is None
    assert [row["Probabilities_1"] for row in found] == [0.75, 0.0, None]
    frame = fastparquet.ParquetFile(str(tmp_path / "o.parquet")).to_pandas()
    assert frame["mixed"].dtype == np.float64 and frame["Probabilities_0"][0] == 0.25


NUMBERS = st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
CELLS = st.none() | st.booleans() | NUMBERS | st.text(max_size=5)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.fixed_dictionaries({"a": CELLS, "b": CELLS}), min_size=1, max_size=6))
def test_any_records_come_back_as_they_went_or_as_their_columns_kind(tmp_path_factory, records) -> None:
    """No digit of a column of whole numbers, no text and no missing cell is lost."""
    found = write_back(tmp_path_factory.getbasetemp() / "any.parquet", records)
    kinds = find_kinds(records)
    for before, after in zip(records, found, strict=True):
        for name, value in before.items():
            if kinds[name] == parquet.TEXT and not isinstance(value, str | None):
                assert isinstance(after[name], str)
            else:
                wanted = float(value) if kinds[name] == parquet.FRACTION and value is not None else value
                assert after[name] == wanted and (value is None) == (after[name] is None)


@settings(deadline=None, max_examples=25)
@given(place=st.integers(0, 8000), content=st.binary(max_size=40))
def test_any_damage_is_rows_a_sentence_or_the_end_of_the_fork_that_reads(tmp_path_factory, place, content) -> None:
    """The library is not hardened against strangers: it may crash or go round for ever, in a fork that can be ended."""
    damaged = bytearray(ARROW.read_bytes())
    damaged[place : place + len(content)] = content
    path = tmp_path_factory.getbasetemp() / "damaged.parquet"
    path.write_bytes(damaged)
    child = os.fork()
    if not child:
        _read_and_end(path)
    _, status = os.waitpid(child, 0)
    assert (os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0) or os.WTERMSIG(status) in CRASHES


CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGALRM)
PATIENCE = 3  # seconds


def _read_and_end(path: Path) -> None:
    """End with 0 after rows or a sentence, by a signal after a crash or PATIENCE, with 1 after anything else."""
    code = 1
    try:
        faulthandler.disable()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # pytest's own timeout has a handler, which C code never reaches
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
        with contextlib.suppress(BadRequest):
            list(read_chunks(path, COLUMNS, 2))
        code = 0
    finally:
        os._exit(code)


@pytest.mark.process
def test_a_crash_while_reading_names_the_file_too(tmp_path, monkeypatch) -> None:
    """The command ends with a sentence, whatever the library did."""
    (tmp_path / "rows.parquet").write_bytes(ARROW.read_bytes())
    (tmp_path / "crash.py").write_text("import ctypes\ndef predict(args): ctypes.string_at(0)")
    words = ("--rows", str(tmp_path / "rows.parquet"), "--to", str(tmp_path / "o.csv"))
    done = run_command("batch", str(tmp_path / "crash.py"), *words)
    assert done.returncode == 3 and "the Parquet file is damaged, or the model is" in done.stderr


def test_a_file_that_cannot_be_read_says_so(tmp_path, monkeypatch) -> None:
    """Empty, of bytes, announcing more than is read, or with the library missing."""
    (tmp_path / "empty.parquet").write_bytes(b"")
    with pytest.raises(BadRequest, match="cannot be read"):
        list(read_parquet(tmp_path / "empty.parquet", 0))
    fastparquet.write(tmp_path / "bytes.parquet", pd.DataFrame({"b": [b"\xff"]}), object_encoding="bytes")
    with pytest.raises(BadRequest, match="'b' holds bytes"):
        list(read_parquet(tmp_path / "bytes.parquet", 0))
    monkeypatch.setattr(parquet, "MOST_IN_GROUP", 10)
    with pytest.raises(BadRequest, match="10 are read"):
        list(read_parquet(ARROW, 0))
    monkeypatch.setitem(sys.modules, "fastparquet", None)
    with pytest.raises(BadRequest, match="needs fastparquet, which this runtime does not have"):
        list(read_parquet(ARROW, 0))


@pytest.mark.process
def test_the_commands_answer_and_measure_parquet_as_they_do_csv(model_folder, tmp_path) -> None:
    """The same floats, in the sandbox; metrics too."""
    frame = FRAME.assign(id=range(150), species=KINDS)
    fastparquet.write(tmp_path / "rows.parquet", frame, row_group_offsets=40)
    frame.to_csv(tmp_path / "rows.csv", index=False)
    for kind in ("csv", "parquet"):
        words = ("--rows", str(tmp_path / f"rows.{kind}"), "--to", str(tmp_path / f"out.{kind}"), "--chunk", "33")
        done = run_command("batch", str(model_folder / "iris.pkl"), *words, "--keep", "id", "species")
        assert done.returncode == 0 and "150 rows" in done.stdout, done.stderr
    assert read_steps(done.stderr) == [33, 66, 99, 132, 150]
    answers = fastparquet.ParquetFile(str(tmp_path / "out.parquet")).to_pandas()
    pd.testing.assert_frame_equal(
        answers, pd.read_csv(tmp_path / "out.csv"), check_dtype=False, check_exact=True, check_column_type=False
    )
    rows = ("--rows", str(tmp_path / "rows.parquet"), "--target", "species")
    measured = run_command("evaluate", str(model_folder / "iris.json"), *rows)
    assert json.loads(measured.stdout)["rows"] == 150, measured.stderr


@pytest.mark.process
def test_a_killed_run_is_gone_on_with_and_ends_as_one_whole_file(tmp_path) -> None:
    """Until it is whole there is no file of that name; each row is there once."""
    (tmp_path / "slow.py").write_text(SLOW)
    fastparquet.write(tmp_path / "rows.parquet", pd.DataFrame({"a": range(200)}), row_group_offsets=30)
    to = tmp_path / "out.parquet"
    words = [
        "batch",
        str(tmp_path / "slow.py"),
        "--rows",
        str(tmp_path / "rows.parquet"),
        "--to",
        str(to),
        "--chunk",
        "4",
    ]
    kill_and_go_on(words, to)
    assert [row["double"] for row in read_parquet(to, 0)] == [2 * number for number in range(200)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.parquet", "rows.parquet", "slow.py"]

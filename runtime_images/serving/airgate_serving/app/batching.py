"""Composition root of `airgate-serve batch` and `airgate-serve evaluate`: files are opened here, rows are run in a fork
that has locked itself in and holds nothing but the model, the rows to read and the open files to write.
"""

import contextlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from airgate_kit import logs
from airgate_serving.batch.rows import PARQUET, count_rows, find_kind
from airgate_serving.config import BatchConfig
from airgate_serving.errors import BadConfiguration, CallStopped, ServingError
from airgate_serving.fetch import compute_digest
from airgate_serving.formats.archive import may_hold_program, may_need_room
from airgate_serving.formats.interface import LoadOptions, Runner
from airgate_serving.formats.table import find_format, guess_format, load
from airgate_serving.formats.versions import list_warnings
from airgate_serving.sandbox.limits import die_with_parent
from airgate_serving.sandbox.lock import LockPlan, judge_opening, list_card_paths, lock_calls, lock_files
from airgate_serving.sandbox.room import make_room
from airgate_serving.trials.keeper import explain_status

log = logs.get("airgate_serving.app")


def run_batch(config: BatchConfig) -> dict[str, Any]:
    """Fill the file `config.to` and return `{"rows"}`; what an earlier run has done is not done again.

    Raises ServingError with one sentence; what was done by then stays beside the file for the next run.
    """
    to = config.to
    assert to is not None
    part, progress, whole = (to.with_name(f"{to.name}.{ending}") for ending in ("part", "progress", "whole"))
    with contextlib.ExitStack() as stack:
        wanted = (part, progress, whole) if config.kind == PARQUET else (part, progress)
        answer = _run_in_fork(config, *(stack.enter_context(_open(place)) for place in wanted))
    (whole if config.kind == PARQUET else part).replace(to)
    for place in (progress, part):
        place.unlink(missing_ok=True)
    return answer


def run_evaluation(config: BatchConfig) -> dict[str, Any]:
    """Return the metrics of the rows. Raises ServingError with one sentence."""
    return _run_in_fork(config)


def _open(path: Path) -> BinaryIO:
    """Open a file to be gone on with; it need not be there yet. Raises BadConfiguration."""
    try:
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b")
    except OSError as error:
        raise BadConfiguration(f"{path} cannot be written: {error.strerror}.", "Choose another folder.") from error


def _run_in_fork(config: BatchConfig, *files: BinaryIO) -> dict[str, Any]:
    if config.file.is_file() and may_need_room(config.file, config.format):
        config = replace(config, scratch=make_room())
    key = f"{compute_digest(config.file)} {compute_digest(config.rows)} {config.kind} {config.columns}"
    with tempfile.TemporaryFile() as result:
        child = os.fork()
        if not child:
            _become_worker(config, key, files, result)
        _, status = os.waitpid(child, 0)
        stopped = explain_status(status)
        if stopped:
            raise _name_rows(stopped, config)
        result.seek(0)
        return _read_answer(result.read())


def _name_rows(stopped: ServingError, config: BatchConfig) -> ServingError:
    """Return why a fork was ended, as it is for a whole file; of Parquet the library itself may be what crashed."""
    if "killed" in stopped.sentence:
        return CallStopped(
            "The run was killed, most likely because it ran out of memory.",
            "Give it more, or take fewer rows at a time.",
        )
    if find_kind(config.rows) != PARQUET or "crashed" not in stopped.sentence:
        return stopped
    return CallStopped(
        "The run crashed its process: the Parquet file is damaged, or the model is.",
        "Write the file again, or give the rows as CSV or JSON lines.",
    )


def _read_answer(content: bytes) -> dict[str, Any]:
    if not content:
        raise CallStopped("The run ended without an answer.", "Its output says more, if it printed any.")
    answer: dict[str, Any] = orjson.loads(content)
    if "error" in answer:
        raise ServingError(str(answer["error"]), str(answer["hint"]))
    return answer


def _become_worker(config: BatchConfig, key: str, files: Sequence[BinaryIO], result: BinaryIO) -> None:
    """Do the work in this fork and end it; never returns."""
    try:
        try:
            answer = _do(config, key, files)
        except ServingError as error:
            answer = {"error": error.sentence, "hint": error.hint}
        except Exception as error:  # noqa: BLE001 - the model's code may raise anything; the caller gets a sentence
            answer = {"error": f"The model failed: {type(error).__name__}: {str(error)[:300]}", "hint": ""}
        result.write(orjson.dumps(answer))
        result.flush()
    finally:
        os._exit(0)


def _do(config: BatchConfig, key: str, files: Sequence[BinaryIO]) -> Mapping[str, Any]:
    """Fill the files (rows so far, progress, and of Parquet the whole), or without any return metrics."""
    runner = _open_model(config)

    from airgate_serving.batch.metrics import Threshold, evaluate
    from airgate_serving.batch.predictions import Columns
    from airgate_serving.batch.work import Progress, Work, do_work, finish_work

    work = Work(config.rows, config.kind, Columns(config.target, config.keep), config.chunk, key)
    count = count_rows(config.rows)

    def tell(done: Progress) -> None:
        log.info("progress", extra={"fields": {"rows": done.rows, "of": count}})

    if not files:
        thresholds = {name: Threshold(*bounds) for name, bounds in config.thresholds.items()}
        return evaluate(runner, work, config.task, thresholds, tell)
    part, progress, *whole = files
    done = do_work(runner, work, part, progress, tell)
    for file in whole:
        finish_work(work, part, file)
    return asdict(done)


def _needs_qaic(config: BatchConfig) -> bool:
    return bool(config.around.qids) and may_hold_program(config.file, config.format)


def _open_model(config: BatchConfig) -> Runner:
    """Lock this process to the model and the rows, then open the model."""
    die_with_parent()
    around = config.around
    facts, devices = list_card_paths(around.nvidia, around.qaic_sdk, _needs_qaic(config))
    plan = LockPlan((config.file, config.rows, *facts), (config.scratch,) if config.scratch else (), devices)
    report = lock_files(plan, abi=None if config.around.landlock else 0)
    report = lock_calls(report, serving=False)
    name = config.format or guess_format(config.file)
    judge_opening(report, find_format(name).carries_code, config.around.excused)
    options = LoadOptions(config.threads, around.nvidia, around.qids, around.qaic_sdk, config.scratch)
    runner = load(config.file, name, options)
    for warning in list_warnings(runner.info):
        log.warning(warning)
    log.info("model loaded", extra={"fields": {"engine": runner.info.engine, "device": runner.info.device}})
    return runner

"""Runs the process with the model, follows what it prints, and tells how it ended."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from airgate_kit.clock import Clock
from airgate_serving.jobs.plan import BATCH, JobPlan
from airgate_serving.jobs.teller import Teller
from airgate_serving.sandbox.limits import die_with_parent

TELL_EVERY = 2.0  # seconds between two words of progress
PRINT_EVERY = 60.0  # seconds between two printed lines of progress: the last lines are to say more than that
REFUSED = 3  # exit code of a command that has said why
SAYS = "airgate-serve: "  # how the line begins on which it has
LINE_MOST = 64 * 1024  # bytes of a line that is looked at
PROGRESS = "progress"
ENDED_BY_SIGTERM = 4


@dataclass(slots=True)
class Heard:
    """What the process with the model has printed so far. of: rows there are, once they are counted."""

    rows: int | None = None
    of: int | None = None
    sentence: str = ""


class NotWanted(Exception):
    """Nobody waits for the job's end any more: it was stopped, removed, or has been told."""


def run_job(plan: JobPlan, teller: Teller, clock: Clock) -> str:
    """Run a job to its end and return that end in a word; what went wrong with the work is told, not raised.

    Raises TellFailed when the web process could not be told: then another process is to go on.
    """
    # The first process of a container would not be ended by it; the one with the model ends with this one.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(ENDED_BY_SIGTERM))
    try:
        return _run(plan, teller, clock)
    except NotWanted:
        return "not wanted any more"


def _run(plan: JobPlan, teller: Teller, clock: Clock) -> str:
    _tell(teller, Heard())
    plan.folder.mkdir(parents=True, exist_ok=True)
    heard, error = Heard(), ""
    if not plan.result.exists():  # else an earlier process has made it and could not tell
        _name_rows(plan)
        error = _run_model(plan, teller, clock, heard)
    if error:
        teller.tell_end(rows=heard.rows, of=heard.of, error=error)
        return f"failed: {error}"
    _tell_result(plan, teller, heard)
    return "succeeded"


def _tell(teller: Teller, heard: Heard) -> None:
    if not teller.tell(heard.rows, heard.of):
        raise NotWanted


def _name_rows(plan: JobPlan) -> None:
    """Have the rows under a name that says what they are."""
    plan.rows_link.unlink(missing_ok=True)
    plan.rows_link.symlink_to(plan.rows)


def _run_model(plan: JobPlan, teller: Teller, clock: Clock, heard: Heard) -> str:
    """Run the process with the model to its end and return why it failed, "" when it did not. Raises NotWanted."""
    next_word, next_print = clock.monotonic() + TELL_EVERY, 0.0
    with _start(plan) as (process, lines):
        for line in lines:
            is_progress, now = _hear(heard, line), clock.monotonic()
            if not is_progress or now >= next_print:
                _print(line)
                next_print = now + PRINT_EVERY if is_progress else next_print
            if now >= next_word:
                _tell(teller, heard)
                next_word = clock.monotonic() + TELL_EVERY
        return _explain_end(process.wait(), heard)


@contextlib.contextmanager
def _start(plan: JobPlan) -> Iterator[tuple["subprocess.Popen[bytes]", Iterator[bytes]]]:
    """Start the process with the model, and give the lines of its stderr; it ends with this block, or this process."""
    process = subprocess.Popen(
        plan.command,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=dict(plan.environment),
        preexec_fn=die_with_parent,  # there is one thread
    )
    assert process.stderr is not None
    read = process.stderr.readline
    with process:
        try:
            yield process, iter(lambda: read(LINE_MOST), b"")
        finally:
            process.kill()


def _print(line: bytes) -> None:
    """Print a line of the process with the model as it is."""
    sys.stderr.buffer.write(line)
    sys.stderr.flush()


def _hear(heard: Heard, line: bytes) -> bool:
    """Take note of what a line says, which is not trusted to be well formed; return whether it tells of progress."""
    text = line.decode(errors="replace").strip()
    if text.startswith(SAYS):
        heard.sentence = text.removeprefix(SAYS)
        return False
    with contextlib.suppress(ValueError, AttributeError):
        said = json.loads(text)
        if said.get("message") == PROGRESS:
            heard.rows, heard.of = _read_count(said.get("rows"), heard.rows), _read_count(said.get("of"), heard.of)
            return True
    return False


def _read_count(value: Any, before: int | None) -> int | None:
    return value if isinstance(value, int) and 0 <= value < 2**53 else before


def _explain_end(code: int, heard: Heard) -> str:
    """Return why the process failed, "" when it did not."""
    if code == 0:
        return ""
    if code == REFUSED and heard.sentence:
        return heard.sentence
    if code == -signal.SIGKILL:
        return "The run was killed, most likely because it ran out of memory. Give the job more."
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    return f"The run ended {how} and did not say why; its log may."


def _tell_result(plan: JobPlan, teller: Teller, heard: Heard) -> None:
    if plan.task == BATCH:
        teller.send_result(plan.result, heard.rows)
        return
    found = json.loads(plan.result.read_text())
    metrics = [{"name": name, **figure} for name, figure in found["metrics"].items()]
    teller.tell_end(rows=found["rows"], of=found["rows"], metrics=metrics)

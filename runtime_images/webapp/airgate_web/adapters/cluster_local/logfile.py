"""Replica logs: their last lines, the words a failure ends with, and setting a large one aside."""

import json
import os
import shutil
import signal
from pathlib import Path

TAIL_BYTES = 256 * 1024  # as far back as `read_tail` looks


def read_tail(path: Path, lines: int) -> str:
    """Return the last `lines` lines of a log; "" when there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "".join(text.splitlines(keepends=True)[-lines:]) if lines > 0 else ""


def rotate(path: Path, limit: int) -> bool:
    """Set a log that is over `limit` bytes aside as NAME.log.1 and empty it; the process writes on (it appends)."""
    if not path.exists() or path.stat().st_size <= limit:
        return False
    shutil.copyfile(path, path.with_suffix(".log.1"))
    os.truncate(path, 0)
    return True


def remove_log(path: Path) -> None:
    """Remove a log and the one set aside."""
    path.unlink(missing_ok=True)
    path.with_suffix(".log.1").unlink(missing_ok=True)


def explain_exit(code: int, log: Path) -> str:
    """Return why a process ended: its exit code or signal, and the last words of its log."""
    if code < 0:
        name = signal.Signals(-code).name
        how = f"ended by {name}" + (", perhaps for want of memory" if -code == signal.SIGKILL else "")
    else:
        how = f"ended with exit code {code}"
    words = find_last_words(read_tail(log, 20))
    return f"{how}: {words}" if words else how


def find_last_words(text: str) -> str:
    """Return the last line that says something; of a JSON line its message and, if any, its error and hint."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    try:
        entry = json.loads(lines[-1])
    except ValueError:
        return lines[-1][:500]
    if not isinstance(entry, dict):
        return lines[-1][:500]
    parts = [str(entry[key]) for key in ("message", "error", "sentence", "hint") if entry.get(key)]
    return " ".join(parts)[:500] or lines[-1][:500]

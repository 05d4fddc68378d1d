"""Writes Envoy's files so that a reader sees the old content or the new one, never half of it."""

import json
import os
from pathlib import Path
from typing import Any


def write_json(path: Path, content: Any) -> bool:
    """Write `content` beside `path` and rename it there; return whether it changed. Mode 0600: it holds secrets."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    if path.exists() and path.read_text() == text:
        return False
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    return True


def nudge(folder: Path) -> None:
    """Have whoever watches the folder read its files again: something is renamed in it."""
    beside = folder / ".nudge.new"
    beside.touch(mode=0o600)
    beside.rename(folder / "nudge")


def read_json(path: Path) -> Any:
    """Return the content of `path`, or None when it is absent or not JSON (a disk that was full, say)."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None

"""Who asked what, and what came of it: one JSON line an answer, without what was in it; and, where somebody switched
it on, whole requests now and then in a ring file of a fixed size.

Lines are gathered and written a few times a second: a request pays for a string and no system call.
"""

import asyncio
import base64
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import orjson

from airgate_serving.engine.seen import Seen
from airgate_serving.errors import BadConfiguration

PAUSE = 0.2  # seconds between two writes
SLOT = 4096  # bytes of a request in the ring, its line's end included
OVERHEAD = 512  # bytes of a slot that are kept for everything but the body


class AccessLog:
    """Writes a line for every answer. Lives on the loop's thread."""

    def __init__(
        self, write: Callable[[bytes], object], find_digest: Callable[[Seen], str], now: Callable[[], datetime]
    ) -> None:
        """Write by `write`; every line names the model file by the digest that it has now."""
        self._write, self._find_digest, self._now = write, find_digest, now
        self._lines: list[bytes] = []

    def note(self, seen: Seen) -> None:
        """Keep the line of one answer until the next writing."""
        if not self._lines:
            asyncio.get_running_loop().call_later(PAUSE, self.flush)
        described = _describe(seen, self._find_digest(seen), self._now())
        self._lines.append(orjson.dumps(described, option=orjson.OPT_APPEND_NEWLINE))

    def flush(self) -> None:
        """Write what was kept."""
        lines, self._lines = self._lines, []
        if lines:
            self._write(b"".join(lines))


class Ring:
    """The last requests of every so many, in a file that never grows: one JSON line a slot, padded with blanks."""

    def __init__(self, path: Path, keep: int, every: int, now: Callable[[], datetime]) -> None:
        """Open `path` for `keep` requests and note one of `every`. Raises BadConfiguration. Call it before the lock."""
        self._keep, self._every, self._now = keep, every, now
        self._seen = 0
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            os.truncate(self._file, 0)
            os.pwrite(self._file, (b" " * (SLOT - 1) + b"\n") * keep, 0)
        except OSError as error:
            raise BadConfiguration(f"The ring file {path} cannot be written: {error.strerror}.", HINT_RING) from error

    def note(self, seen: Seen) -> None:
        """Write the request into the next slot when it is its turn."""
        if self._seen % self._every == 0:
            slot = self._seen // self._every % self._keep
            os.pwrite(self._file, fill_slot(_describe(seen, "", self._now()), seen.body()), slot * SLOT)
        self._seen += 1

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


HINT_RING = "Name a file in a folder that this user may write into."


def _describe(seen: Seen, digest: str, at: datetime) -> dict[str, object]:
    return {
        "at": at.isoformat(timespec="milliseconds"),
        "door": seen.door,
        "what": seen.what[:200],
        "status": seen.status,
        "seconds": round(seen.seconds, 6),
        "id": seen.request_id[:128],
        **({"digest": digest} if digest else {}),
        **({"trace": seen.trace.trace_id} if seen.trace else {}),
    }


def fill_slot(described: dict[str, object], body: bytes) -> bytes:
    """Return a slot's bytes: the request as JSON on one line, as much of its body as there is room for."""
    room = SLOT - OVERHEAD
    while True:
        line = orjson.dumps({**described, **_show_body(body[:room]), "cut": room < len(body)})
        if len(line) < SLOT:
            return line + b" " * (SLOT - 1 - len(line)) + b"\n"
        room //= 2


def _show_body(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}

"""The serving process's end of the pipe. A write never waits: what does not fit is dropped, and counted.

Lines are gathered and written a few times a second, in pieces that a pipe takes whole or not at all.
"""

import asyncio
import contextlib
import fcntl
import os

from airgate_kit.clock import Clock
from airgate_serving.traces.counts import Counts
from airgate_serving.traces.record import LONGEST, SpanRecord, write_line

PAUSE = 0.2  # seconds between two writes
FULL = 32 * 1024  # bytes that are written at once
PIPE_BYTES = 1024 * 1024  # some 1,500 requests wait in it, while a collector is slow
FINISH_SECONDS = 2.0  # for the last spans, when this process ends
LOOK_SECONDS = 0.01


class SpanPipe:
    """The way out of the locked process. Lives on the loop's thread."""

    def __init__(self, file: int, held: int, exporter: int, counts: Counts) -> None:
        """Write to `file`, which the process `exporter` reads; `counts` is what that one counts.

        The exporter lives as long as `held` is open, which is as long as this process.
        """
        self._file, self._held, self._exporter, self._counts = file, held, exporter, counts
        self._lines: list[tuple[bytes, int]] = []  # with their spans
        self._size = 0
        self._dropped = 0
        os.set_blocking(file, False)
        with contextlib.suppress(OSError):  # the kernel's own 64 KiB then
            fcntl.fcntl(file, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def send(self, record: SpanRecord) -> None:
        """Keep a record until the next writing."""
        line, spans = write_line(record), record.count()
        if len(line) > LONGEST:
            self._dropped += spans
            return
        if not self._lines:
            asyncio.get_running_loop().call_later(PAUSE, self.flush)
        self._lines.append((line, spans))
        self._size += len(line)
        if self._size >= FULL:
            self.flush()

    def flush(self) -> None:
        """Write what was kept."""
        lines, self._lines, self._size = self._lines, [], 0
        piece, spans = b"", 0
        for line, count in lines:
            if len(piece) + len(line) > LONGEST:
                self._write(piece, spans)
                piece, spans = b"", 0
            piece += line
            spans += count
        if piece:
            self._write(piece, spans)

    def _write(self, piece: bytes, spans: int) -> None:
        try:
            os.write(self._file, piece)
        except OSError:  # full, or nobody reads any more
            self._dropped += spans

    def count(self) -> tuple[int, int]:
        """Return the spans that a collector took and those dropped, here and there."""
        sent, dropped = self._counts.read()
        return sent, dropped + self._dropped

    def finish(self, clock: Clock) -> None:
        """Write what was kept and let the exporter end, for a moment; it does not outlive this process."""
        self.flush()
        os.close(self._file)
        until = clock.monotonic() + FINISH_SECONDS
        while clock.monotonic() < until and not self._has_ended():
            clock.sleep(LOOK_SECONDS)

    def _has_ended(self) -> bool:
        try:
            return bool(os.waitpid(self._exporter, os.WNOHANG)[0])
        except ChildProcessError:
            return True

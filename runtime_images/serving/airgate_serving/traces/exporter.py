"""The process that speaks to the collector: forked before the lock, it lives as long as its parent and no longer.

It reads what a model could have written, so it has a lock of its own: no file but its libraries and what finding a
host's address needs, no program, no port to listen at.
"""

import os
import select
import threading
from pathlib import Path

from google.protobuf.message import DecodeError
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from airgate_kit import logs
from airgate_kit.clock import Clock
from airgate_serving.sandbox.limits import volunteer_for_oom
from airgate_serving.sandbox.lock import LockPlan, lock_calls, lock_files
from airgate_serving.traces.collector import Collector, Unsent
from airgate_serving.traces.counts import Counts
from airgate_serving.traces.otlp import make_spans, read_rejected, write_request
from airgate_serving.traces.record import LONGEST, read_line
from airgate_serving.traces.settings import TraceSettings

CHUNK = 64 * 1024  # bytes of one reading
LAST_SECONDS = 1.5  # for the last batch, when the parent ends
NAMES = (
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/run/systemd/resolve",
)
log = logs.get("airgate_serving.traces")


def seclude(file: int, waits: int) -> None:
    """Leave this process `file` and the network alone; it ends when the other end of `waits` is closed.

    Its parent may not signal it, by the death of a parent neither: Landlock 6 forbids that to a locked process.
    """
    _let_go(file, waits)
    threading.Thread(target=_end_with_parent, args=(waits,), daemon=True).start()
    _lock_in()


def _end_with_parent(waits: int) -> None:
    os.read(waits, 1)
    os._exit(0)


def _let_go(*kept: int) -> None:
    """Keep stderr for the log and the pipes, nothing else that was open; a terminal's Ctrl-C is for the parent."""
    os.setsid()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nowhere, number)
    for number in [int(place.name) for place in Path("/proc/self/fd").iterdir()]:
        if number not in (0, 1, 2, *kept):
            _close(number)


def _close(number: int) -> None:
    try:
        os.close(number)
    except OSError:  # the listing's own
        return


def _lock_in() -> None:
    volunteer_for_oom()
    report = lock_files(LockPlan(read=tuple(map(Path, NAMES)), may_connect=True))
    report = lock_calls(report, serving=False, may_connect=True)
    log.info("sending traces", extra={"fields": {"lock": report.explain()}})


class Exporter:
    """Gathers spans and sends them. While a batch is on its way the pipe fills, and its writer drops."""

    def __init__(self, file: int, settings: TraceSettings, collector: Collector, counts: Counts, clock: Clock) -> None:
        """Read from `file`, send to `collector`, and add to `counts` what became of it."""
        self._file, self._settings, self._collector = file, settings, collector
        self._counts, self._clock = counts, clock
        self._rest = b""  # of a line that has not wholly come
        self._spans: list[Span] = []
        self._due = 0.0
        self._is_heard = True

    def run(self) -> None:
        """Work until the other end is closed, and send what is left then."""
        while self._read():
            if len(self._spans) >= self._settings.most_spans or (self._spans and self._clock.monotonic() >= self._due):
                self._export(self._settings.timeout)
        if self._spans:
            self._export(min(LAST_SECONDS, self._settings.timeout))

    def _read(self) -> bool:
        """Wait for more, or until a batch is due; return False at the end."""
        wait = max(0.0, self._due - self._clock.monotonic()) if self._spans else None
        if not select.select([self._file], [], [], wait)[0]:
            return True
        chunk = os.read(self._file, CHUNK)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self._rest = self._rest[: LONGEST + 1]
        for line in lines:
            self._take(line)
        return bool(chunk)

    def _take(self, line: bytes) -> None:
        """Make spans of a line; one that is none of ours is passed over and counted as a span."""
        record = read_line(line)
        try:
            spans = make_spans(record, os.urandom) if record else []
        except (ValueError, TypeError):
            spans = []
        if not spans:
            self._counts.add(0, 1)
            return
        if not self._spans:
            self._due = self._clock.monotonic() + self._settings.delay
        self._spans += spans

    def _export(self, seconds: float) -> None:
        spans, self._spans = self._spans, []
        try:
            answer = self._collector.send(write_request(spans, self._settings.resource), seconds)
        except Unsent as error:
            self._counts.add(0, len(spans))
            self._tell(False, str(error))
            return
        rejected, reason = _read_answer(answer)
        self._counts.add(len(spans) - rejected, rejected)
        self._tell(not rejected, reason)

    def _tell(self, is_heard: bool, reason: str) -> None:
        """Log when the collector begins to take spans or ceases to."""
        if is_heard != self._is_heard:
            self._is_heard = is_heard
            say, what = (log.info, "takes spans again") if is_heard else (log.warning, "does not take spans")
            say(f"the collector of traces {what}", extra={"fields": {"url": self._settings.url, "reason": reason}})


def _read_answer(answer: bytes) -> tuple[int, str]:
    """Return the spans that were not taken and why; an answer that is none of the protocol's is a yes."""
    try:
        return read_rejected(answer)
    except DecodeError:
        return 0, ""

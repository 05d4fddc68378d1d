"""Everybody who is told of answered requests, and how they are closed: the access log, the ring of samples, traces."""

import os
import sys
from typing import TYPE_CHECKING

from airgate_kit.clock import Clock
from airgate_serving.access import AccessLog, Ring
from airgate_serving.engine.dataplane import ServedModel
from airgate_serving.engine.models import Models
from airgate_serving.engine.seen import Seen, Watch
from airgate_serving.engine.trace import Follow

if TYPE_CHECKING:  # not imported where nobody asks for traces
    from airgate_serving.traces.pipe import SpanPipe
    from airgate_serving.traces.settings import TraceSettings

    Tracing = tuple[TraceSettings, SpanPipe]


class Watchers:
    """Those who want to know. `watch` and `follow` are None where nobody does."""

    def __init__(
        self, models: Models, clock: Clock, access_log: bool, ring: Ring | None, tracing: "Tracing | None"
    ) -> None:
        """Tell of the answers of `models`; ring and tracing were opened before the lock."""
        self._models, self._clock, self._ring = models, clock, ring
        self._access = AccessLog(_print_bytes, self._find_digest, clock.now) if access_log else None
        self._pipe = tracing[1] if tracing else None
        notes: list[Watch] = [watcher.note for watcher in (self._access, ring) if watcher]
        self.follow: Follow | None = None
        if tracing:
            from airgate_serving.traces.tracer import Tracer

            settings, pipe = tracing
            tracer = Tracer(settings, pipe.send, self._find_called, clock.now, clock.monotonic, os.urandom)
            self.follow = tracer.follow
            notes.append(tracer.note)
        self.watch = _tell_all(notes) if notes else None

    def count_spans(self) -> tuple[int, int]:
        """Return the spans that a collector took, and those dropped."""
        return self._pipe.count() if self._pipe else (0, 0)

    def close(self) -> None:
        """Write what is left and close the files; the last spans get a moment to be sent."""
        if self._access:
            self._access.flush()
        if self._ring:
            self._ring.close()
        if self._pipe:
            self._pipe.finish(self._clock)

    def _find_called(self, seen: Seen) -> ServedModel | None:
        """Return the model that a request names, or for HTTP the first; None for a name that is not here."""
        named = self._models.find(seen.model)
        if named is None and seen.model:
            return None
        return (named or self._models.find_called(seen.what)).model

    def _find_digest(self, seen: Seen) -> str:
        called = self._find_called(seen)
        return called.digest if called else ""


def _tell_all(notes: list[Watch]) -> Watch:
    def watch(seen: Seen) -> None:
        for note in notes:
            note(seen)

    return watch


def _print_bytes(lines: bytes) -> None:
    sys.stdout.buffer.write(lines)
    sys.stdout.buffer.flush()

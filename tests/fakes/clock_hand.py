"""A clock that a test turns by hand."""

import datetime
import threading

from tests.fakes.samples import NOON


class HandClock:
    """Keeps the Clock protocol; time passes only by `turn` and `sleep`."""

    def __init__(self, start: datetime.datetime = NOON) -> None:
        self._lock = threading.Lock()
        self._start = start
        self._passed = 0.0

    def now(self) -> datetime.datetime:
        return self._start + datetime.timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return self._passed

    def sleep(self, seconds: float) -> None:
        self.turn(seconds)

    def turn(self, seconds: float) -> None:
        with self._lock:
            self._passed += seconds

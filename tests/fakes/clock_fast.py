"""A clock that runs faster than the machine's."""

import datetime
import time

from tests.fakes.samples import NOON


class FastClock:
    """Keeps the Clock protocol; `rate` of its seconds pass in one of the machine's."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._began = time.monotonic()

    def now(self) -> datetime.datetime:
        return NOON + datetime.timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        return (time.monotonic() - self._began) * self._rate

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self._rate)

"""The only file that asks the time or sleeps; everything else is given a `Clock`."""

import datetime
import time
from typing import Protocol


class Clock(Protocol):
    """What a room may ask about time."""

    def now(self) -> datetime.datetime:
        """Return the time of day, in UTC and aware of it."""

    def monotonic(self) -> float:
        """Return seconds since an unknown start; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Block the calling thread for `seconds`."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime.datetime:
        """Return the time of day, in UTC and aware of it."""
        return datetime.datetime.now(datetime.UTC)

    def monotonic(self) -> float:
        """Return seconds since an unknown start; never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block the calling thread for `seconds`."""
        time.sleep(seconds)

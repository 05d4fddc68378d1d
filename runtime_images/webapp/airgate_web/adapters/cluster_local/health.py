"""Whether a replica's process is well, and how long to pause before the next one. Pure: times are arguments.

All times are seconds of Clock.monotonic.
"""

BACKOFF_FIRST, BACKOFF_MOST = 1.0, 60.0  # seconds between restarts: doubles up to a minute
HEALTHY_SECONDS = 30.0  # ready for so long, and the back-off begins anew
MISSES_MOST = 15  # probes in a row that a ready replica may miss before it is killed
START_SECONDS = 600.0  # a process that is not ready by then is killed


class Health:
    """What the probes of one process have said. ready_since: when it first was ready, None when never."""

    def __init__(self, begun: float) -> None:
        """Know nothing yet of a process that is probed since `begun`."""
        self.ready_since: float | None = None
        self._begun, self._misses = begun, 0

    def take_answer(self, ready: bool, now: float) -> None:
        """Take note of what a probe has said."""
        self._misses = 0 if ready else self._misses + 1
        if ready and self.ready_since is None:
            self.ready_since = now

    def find_end(self, now: float) -> str:
        """Return why the process is to be killed; "" while it is not."""
        if self.ready_since is None:
            return f"was not ready after {START_SECONDS:g} s" if now - self._begun > START_SECONDS else ""
        return f"did not answer {self._misses} readiness probes" if self._misses > MISSES_MOST else ""

    def was_well(self, now: float) -> bool:
        """Return whether the process was ready for a healthy while."""
        return self.ready_since is not None and now - self.ready_since >= HEALTHY_SECONDS


class Pauses:
    """How long a replica waits between one process and the next."""

    def __init__(self) -> None:
        """Begin with the shortest pause."""
        self._next = BACKOFF_FIRST

    def take_next(self, was_well: bool) -> float:
        """Return the seconds to pause before the next start; after a healthy while the shortest."""
        pause = BACKOFF_FIRST if was_well else self._next
        self._next = min(pause * 2, BACKOFF_MOST)
        return pause

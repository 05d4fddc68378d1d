"""Wrong passwords: after a few, each further one makes its name wait longer. Kept in memory, a process for itself."""

import threading
from collections import OrderedDict

FREE_FAILURES = 5  # in a row, without waiting
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds; short enough that nobody can shut an admin out for long
NAMES_MAX = 10_000  # remembered; the oldest goes


class Attempts:
    """Counts failures by name; safe in several threads. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def find_wait(self, name: str, now: float) -> float:
        """Return how many seconds `name` must wait before it may try again; 0 when it may now."""
        with self._lock:
            count, last = self._failures.get(name, (0, 0.0))
        return max(0.0, last + choose_wait(count) - now)

    def add_failure(self, name: str, now: float) -> None:
        """Count a wrong password."""
        with self._lock:
            count, _ = self._failures.pop(name, (0, 0.0))
            self._failures[name] = (count + 1, now)
            if len(self._failures) > NAMES_MAX:
                self._failures.popitem(last=False)

    def forget(self, name: str) -> None:
        """Begin anew after a right password."""
        with self._lock:
            self._failures.pop(name, None)


def choose_wait(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row: 0 at first, then doubling up to a minute."""
    if failures < FREE_FAILURES:
        return 0.0
    return float(min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(failures - FREE_FAILURES, 10)))

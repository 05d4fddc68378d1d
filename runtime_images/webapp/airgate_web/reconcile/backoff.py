"""Who has to wait before the next try, and how long: per object, doubling."""

from dataclasses import dataclass

FIRST_SECONDS, MOST_SECONDS = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class Failure:
    """The last failed try. until: when the next may be (Clock.monotonic); delay: the seconds waited before it."""

    reason: str
    delay: float
    until: float


class Backoff:
    """Remembers failures by name until a try succeeds."""

    def __init__(self) -> None:
        self.failures: dict[str, Failure] = {}

    def may_try(self, name: str, now: float) -> bool:
        """Say whether the next try may be made now."""
        failure = self.failures.get(name)
        return failure is None or now >= failure.until

    def add_failure(self, name: str, reason: str, now: float) -> Failure:
        """Note a failed try and return it with the new pause."""
        before = self.failures.get(name)
        delay = min(before.delay * 2, MOST_SECONDS) if before else FIRST_SECONDS
        self.failures[name] = Failure(reason, delay, now + delay)
        return self.failures[name]

    def remove(self, name: str) -> None:
        """Forget: it has succeeded."""
        self.failures.pop(name, None)

    def keep_only(self, names: set[str]) -> None:
        """Forget everyone else, so that the list does not grow for ever."""
        self.failures = {name: failure for name, failure in self.failures.items() if name in names}

    def find_pause(self, now: float, most: float) -> float:
        """Return the seconds until somebody may try again, `most` at the most."""
        return min([most, *(max(0.0, failure.until - now) for failure in self.failures.values())])

"""Counts what services were asked for and how it ended, for /metrics. In memory; starts at 0 with the process."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from airgate_web.domain.errors import Refusal

DONE, FAILED = "ok", "internal"  # outcomes beside the codes of refusals


class Meter:
    """Counts by (deed, outcome); safe in several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def counting(self, deed: str) -> Iterator[None]:
        """Count one `deed`, "ok" or by the code of the refusal that it ends in."""
        outcome = FAILED
        try:
            yield
            outcome = DONE
        except Refusal as refusal:
            outcome = refusal.code
            raise
        finally:
            with self._lock:
                self._counts[deed, outcome] += 1

    def read(self) -> Mapping[tuple[str, str], int]:
        """Return the counts so far."""
        with self._lock:
            return dict(self._counts)

"""Uploads under way: who of several that bring the same file may remove it again when it is refused."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Uploads:
    """Counts the uploads of each digest in this process; safe in several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._digests: Counter[str] = Counter()

    @contextmanager
    def hold(self, digest: str, remove_unused: Callable[[], None]) -> Iterator[None]:
        """Within this, no other upload's end removes the file; the last one to leave calls `remove_unused`."""
        with self._lock:
            self._digests[digest] += 1
        try:
            yield
        finally:
            with self._lock:
                self._digests[digest] -= 1
                if not self._digests[digest]:
                    del self._digests[digest]
                    remove_unused()

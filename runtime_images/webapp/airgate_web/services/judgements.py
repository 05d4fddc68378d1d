"""What runtimes said of the versions in files, remembered for a moment: pages ask the same again and again."""

import threading
from collections import OrderedDict

from airgate_web.ports import Fit

KEPT_S = 20.0  # a runtime that was exchanged is asked anew after so long
KEPT_MAX = 1000  # judgements; the oldest goes
Question = tuple[str, str, frozenset[tuple[str, str]]]
"""Slug and image of a runtime, and the versions by library."""


class Judgements:
    """Answers by question; safe in several threads. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: OrderedDict[Question, tuple[float, Fit]] = OrderedDict()

    def find(self, question: Question, now: float) -> Fit | None:
        """Return what was said within the last moment, or None."""
        with self._lock:
            at, fit = self._said.get(question, (now, None))
            return fit if now - at < KEPT_S else None

    def keep(self, question: Question, fit: Fit, now: float) -> None:
        """Remember an answer."""
        with self._lock:
            self._said.pop(question, None)
            self._said[question] = (now, fit)
            if len(self._said) > KEPT_MAX:
                self._said.popitem(last=False)

"""Waits for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

PERIOD_S, LONGEST_PERIOD_S = 0.1, 1.0  # who waits for long may ask more rarely: an answer of kubectl is work too
GROWTH = 1.3

Answer = TypeVar("Answer")


class TooLate(Exception):
    """A condition did not come true in time; the message names it and the last answer."""


def wait_until(what: str, ask: Callable[[], Answer], limit_s: float) -> Answer:
    """Ask until the answer is true and return it; raise TooLate after limit_s seconds."""
    end, period = time.monotonic() + limit_s, PERIOD_S
    while not (answer := ask()):
        if time.monotonic() > end:
            raise TooLate(f"{what} did not happen within {limit_s:.0f} s; the last answer was {answer!r}")
        time.sleep(period)
        period = min(period * GROWTH, LONGEST_PERIOD_S)
    return answer

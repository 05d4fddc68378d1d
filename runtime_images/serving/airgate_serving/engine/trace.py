"""What one request went through, for whoever follows it: doors and engine note it down, `traces/` makes spans of it.

Only a request that is followed has a `Trace`; with every other one goes None.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

QUEUE, COMPUTE, CODEC = "queue", "compute", "codec"  # the meter's stages


class Stage(NamedTuple):
    """A stretch of time, in seconds of the monotonic clock. rows: of the whole batch that was run; else 0.

    A tuple, because it is made in half the time and four of them belong to every request that is followed.
    """

    name: str
    begin: float
    end: float
    rows: int = 0
    failed: bool = False


@dataclass(slots=True)
class Trace:
    """One request that is followed. Lives on the loop's thread."""

    trace_id: str  # 32 hexadecimal digits
    parent: str  # 16 of the caller's span; "" where there is none
    state: str  # the caller's tracestate
    begin: float  # seconds of the monotonic clock
    unix: float  # the same moment, seconds since 1970
    stages: list[Stage] = field(default_factory=list)

    def note(self, name: str, begin: float, end: float, rows: int = 0, failed: bool = False) -> None:
        """Note one stage."""
        self.stages.append(Stage(name, begin, end, rows, failed))

    def note_queue(self, since: float, end: float) -> None:
        """Note the wait of a request that came `since`; it waits a second time when its batch has failed."""
        last = self.stages[-1].end if self.stages else since
        self.note(QUEUE, max(since, last), end)


Follow = Callable[[str, Callable[[str], str | None]], Trace | None]
"""Is asked at the begin of a request, with its path or gRPC method and what finds a header."""

"""Who may come in: readiness, the bound of the queue, the drain. One object per process."""

import asyncio
from enum import StrEnum

from airgate_serving.errors import Busy, NotReady


class State(StrEnum):
    """A runtime's life."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"  # not ready for more, and still answering what comes


class Admission:
    """Counts the requests inside and refuses the ones over the bound."""

    __slots__ = ("_bound", "_idle", "in_flight", "state")

    def __init__(self, bound: int) -> None:
        """Allow at most `bound` requests at a time, waiting or running."""
        self._bound = bound
        self._idle = asyncio.Event()
        self.state = State.STARTING
        self.in_flight = 0

    def enter(self) -> None:
        """Let a request in. Raises NotReady before the model is loaded and Busy at the bound."""
        if self.state is State.STARTING:
            raise NotReady("The model is still being loaded.", "Wait for /v2/health/ready.")
        if self.in_flight >= self._bound:
            raise Busy(f"{self._bound} requests are waiting already.", "Try again in a second, or add replicas.")
        self.in_flight += 1

    def leave(self) -> None:
        """Let a request out."""
        self.in_flight -= 1
        if not self.in_flight and self.state is State.DRAINING:
            self._idle.set()

    def begin_drain(self) -> None:
        """Stop being ready; what comes is still answered."""
        self.state = State.DRAINING
        if not self.in_flight:
            self._idle.set()

    async def wait_idle(self, seconds: float) -> bool:
        """Wait until nothing is inside, at most so long; return whether that came true."""
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            return False
        return self.in_flight == 0

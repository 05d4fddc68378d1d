"""Who may come in: readiness, the bound of the queue, the drain. One object per process."""

import asyncio
from enum import StrEnum

from airgate_serving.errors import Busy, NotReady


class State(StrEnum):
    """A runtime's life."""

    STARTING = "starting"
    READY = "ready"
    UNLOADED = "unloaded"  # by hand; it can be loaded again
    DRAINING = "draining"  # not ready for more, and still answering what comes
    LEAVING = "leaving"  # lets nobody in any more, and answers who is inside


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
        """Let a request in. Raises NotReady before the model is loaded and after the drain, and Busy at the bound."""
        if self.state in (State.STARTING, State.UNLOADED, State.LEAVING):
            raise self.explain_not_ready()
        if self.in_flight >= self._bound:
            raise Busy(f"{self._bound} requests are waiting already.", "Try again in a second, or add replicas.")
        self.in_flight += 1

    def explain_not_ready(self) -> NotReady:
        """Return the error that says why there is no model now."""
        if self.state is State.UNLOADED:
            return NotReady("The model was unloaded.", "Load it again: POST /v2/repository/models/NAME/load.")
        if self.state is State.LEAVING:
            return NotReady("The server is ending.", "Try again in a second, at another replica.")
        return NotReady("The model is still being loaded.", "Wait for /v2/health/ready.")

    def leave(self) -> None:
        """Let a request out."""
        self.in_flight -= 1
        if not self.in_flight and self.state is State.LEAVING:
            self._idle.set()

    def begin_drain(self) -> None:
        """Stop being ready; what comes is still answered."""
        self.state = State.DRAINING

    async def wait_idle(self, seconds: float) -> bool:
        """Let nobody in any more and wait until nothing is inside, at most so long; return whether that came true.

        Were others still let in, callers who do not go elsewhere would keep the server until its time is up, and then
        whoever is inside would not be answered.
        """
        self.state = State.LEAVING
        if not self.in_flight:
            return True
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            return False
        return True

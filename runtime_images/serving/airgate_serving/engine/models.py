"""The models of one process: most have one, which answers wherever no name is said."""

import asyncio
import re
from collections.abc import Sequence

from airgate_serving.engine.admission import State
from airgate_serving.engine.dataplane import DataPlane

NAMED = re.compile(r"/models/([^/ ]+)")  # in a path


class Models:
    """Data planes by name. Together they are ready when each is, and drained when each is."""

    def __init__(self, planes: Sequence[DataPlane]) -> None:
        """Take one plane or more; names differ."""
        self.planes = tuple(planes)
        self.first = self.planes[0]
        self._by_name = {plane.model.name: plane for plane in self.planes}

    def find(self, name: str) -> DataPlane | None:
        """Return the plane of that name, or None."""
        return self._by_name.get(name)

    def find_called(self, what: str) -> DataPlane:
        """Return the plane that a path names, the first when it names none that is here."""
        if len(self.planes) == 1:
            return self.first
        named = NAMED.search(what)
        return (named and self._by_name.get(named.group(1))) or self.first

    @property
    def state(self) -> State:
        """The state of the whole: ready when all are, else that of the first which is not."""
        states = [plane.admission.state for plane in self.planes]
        return next((state for state in states if state is not State.READY), State.READY)

    @property
    def in_flight(self) -> int:
        """Requests inside, of all."""
        return sum(plane.admission.in_flight for plane in self.planes)

    def is_ready(self) -> bool:
        """Return whether requests should be sent here, for whichever model."""
        return self.state is State.READY

    def begin_drain(self) -> None:
        """Stop being ready; what comes is still answered."""
        for plane in self.planes:
            plane.admission.begin_drain()

    async def wait_idle(self, seconds: float) -> bool:
        """Wait until nothing is inside any, at most so long; return whether that came true."""
        return all(await asyncio.gather(*(plane.admission.wait_idle(seconds) for plane in self.planes)))

    def close(self) -> None:
        """End every model's thread."""
        for plane in self.planes:
            plane.close()

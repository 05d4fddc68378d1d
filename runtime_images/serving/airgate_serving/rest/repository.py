"""The repository extension of Open Inference: what is here, load it again, unload it. Only where it was allowed."""

from collections.abc import Awaitable, Callable, Sequence

from airgate_serving.engine.dataplane import DataPlane
from airgate_serving.rest.door import Handler, Request
from airgate_serving.rest.failures import Answer, write_json

UNAVAILABLE, READY = "UNAVAILABLE", "READY"


class RepositoryDoor:
    """The handlers of /v2/repository."""

    def __init__(
        self,
        plane: DataPlane,
        load: Callable[[], Awaitable[None]],
        unload: Callable[[], Awaitable[None]],
        every: Sequence[DataPlane],
    ) -> None:
        """Answer for `plane`, whose model `load` brings, again too, and `unload` takes out. every: what is here."""
        self._plane, self._load, self._unload = plane, load, unload
        self._every = every

    def list_routes(self) -> dict[tuple[str, str], Handler]:
        """Return the handler of every verb and path."""
        model = f"/v2/repository/models/{self._plane.model.name}"
        return {
            ("POST", "/v2/repository/index"): self.index,
            ("POST", f"{model}/load"): self.load,
            ("POST", f"{model}/unload"): self.unload,
        }

    async def index(self, _: Request) -> Answer:
        """POST /v2/repository/index: every model and its state."""
        return write_json([describe(plane) for plane in self._every])

    async def load(self, _: Request) -> Answer:
        """POST …/load: the file as it is now. The answer comes when it is ready."""
        await self._load()
        return write_json({})

    async def unload(self, _: Request) -> Answer:
        """POST …/unload: the answer comes when the model is forgotten."""
        await self._unload()
        return write_json({})


def describe(plane: DataPlane) -> dict[str, str]:
    """Return a model and its state as the index has them."""
    model, state, ready = plane.model, plane.admission.state, plane.is_ready()
    found = {"name": model.name, "version": model.version, "state": READY if ready else UNAVAILABLE}
    return {**found, "reason": "" if ready else str(state)}

"""The repository extension of Open Inference: what is here, load it again, unload it. Only where it was allowed."""

from collections.abc import Awaitable, Callable

from airgate_serving.engine.dataplane import DataPlane
from airgate_serving.rest.failures import Answer, write_json
from airgate_serving.rest.server import Handler, Request

UNAVAILABLE, READY = "UNAVAILABLE", "READY"


class RepositoryDoor:
    """The handlers of /v2/repository."""

    def __init__(
        self, plane: DataPlane, load: Callable[[], Awaitable[None]], unload: Callable[[], Awaitable[None]]
    ) -> None:
        """Answer for `plane`, whose model `load` brings, again too, and `unload` takes out."""
        self._plane, self._load, self._unload = plane, load, unload

    def list_routes(self) -> dict[tuple[str, str], Handler]:
        """Return the handler of every verb and path."""
        model = f"/v2/repository/models/{self._plane.model.name}"
        return {
            ("POST", "/v2/repository/index"): self.index,
            ("POST", f"{model}/load"): self.load,
            ("POST", f"{model}/unload"): self.unload,
        }

    async def index(self, _: Request) -> Answer:
        """POST /v2/repository/index: the model and its state."""
        model, state = self._plane.model, self._plane.admission.state
        ready = self._plane.is_ready()
        found = {"name": model.name, "version": model.version, "state": READY if ready else UNAVAILABLE}
        return write_json([{**found, "reason": "" if ready else str(state)}])

    async def load(self, _: Request) -> Answer:
        """POST …/load: the file as it is now. The answer comes when it is ready."""
        await self._load()
        return write_json({})

    async def unload(self, _: Request) -> Answer:
        """POST …/unload: the answer comes when the model is forgotten."""
        await self._unload()
        return write_json({})

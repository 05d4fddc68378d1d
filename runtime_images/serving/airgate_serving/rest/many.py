"""Several models in one process: a request goes to the model that its path names.

/v2/models/NAME/…     as with one model
/models/NAME/…        what /… is of the first: predict, a script's functions, the page, openapi.json
anything else         the first
"""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import unquote

import msgspec

from airgate_serving.engine.models import NAMED, Models
from airgate_serving.errors import UnknownModel
from airgate_serving.rest.door import Request
from airgate_serving.rest.failures import Answer, write_json

READY_PATH = "/v2/health/ready"
Ask = Callable[[Request], Awaitable[Answer]]


class ManyRouter:
    """Takes a request to the router of its model."""

    def __init__(self, models: Models, routers: Mapping[str, Ask]) -> None:
        """Route by name; `routers` has one for each of `models`."""
        self._models = models
        self._routers = routers
        self._first = routers[models.first.model.name]

    async def __call__(self, request: Request) -> Answer:
        """Answer the request. Raises UnknownModel for a name that is not here, and what the model's own router does."""
        if request.path == READY_PATH and request.verb == "GET":
            return self._tell_ready()
        named = NAMED.search(request.path)
        if not named or not request.path.startswith(("/v2/models/", "/v2/repository/models/", "/models/")):
            return await self._first(request)
        router = self._routers.get(named.group(1))
        if router is None:
            raise self._explain_unknown(unquote(named.group(1)))
        if request.path.startswith("/models/"):
            request = msgspec.structs.replace(request, path=request.path[named.end() :] or "/")
        return await router(request)

    def _tell_ready(self) -> Answer:
        """GET /v2/health/ready: 200 when every model is."""
        ready, first = self._models.is_ready(), self._models.first.model.name
        return write_json({"ready": ready, "name": first, "state": self._models.state}, 200 if ready else 503)

    def _explain_unknown(self, name: str) -> UnknownModel:
        known = ", ".join(plane.model.name for plane in self._models.planes)
        return UnknownModel(f"There is no model {name[:60]!r} here.", f"There are {known}.")

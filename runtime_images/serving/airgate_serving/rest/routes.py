"""The page of contents: every path of the serving port, and a sentence for every other."""

from urllib.parse import unquote

from airgate_serving.engine.dataplane import DataPlane
from airgate_serving.errors import ServingError, UnknownFunction, UnknownModel, UnknownPath, WrongVerb
from airgate_serving.rest.door import Handler, Quick, Request
from airgate_serving.rest.failures import Answer
from airgate_serving.rest.pages import PagesDoor
from airgate_serving.rest.records import RecordsDoor
from airgate_serving.rest.v2 import V2Door


def build_routes(
    plane: DataPlane, v2: V2Door, records: RecordsDoor, pages: PagesDoor
) -> dict[tuple[str, str], Handler]:
    """Return the handler of every verb and path."""
    routes: dict[tuple[str, str], Handler] = {
        ("GET", "/v2"): v2.describe_server,
        ("GET", "/v2/"): v2.describe_server,
        ("GET", "/v2/health/live"): v2.tell_live,
        ("GET", "/v2/health/ready"): v2.tell_ready,
        ("POST", "/predict"): records.predict,
        ("GET", "/"): pages.show_page,
        ("GET", "/openapi.json"): pages.describe,
    }
    model = f"/v2/models/{plane.model.name}"
    for prefix in (model, f"{model}/versions/{plane.model.version}"):
        routes["GET", prefix] = v2.describe_model
        routes["GET", f"{prefix}/ready"] = v2.tell_ready
    return routes


def build_quick_routes(plane: DataPlane, v2: V2Door) -> dict[tuple[str, str], Quick]:
    """Return what is answered without a task of the loop, by verb and path: what is asked most."""
    model = f"/v2/models/{plane.model.name}"
    return {("POST", f"{prefix}/infer"): v2.infer for prefix in (model, f"{model}/versions/{plane.model.version}")}


class Router:
    """Takes a request to its handler."""

    def __init__(
        self,
        plane: DataPlane,
        routes: dict[tuple[str, str], Handler],
        records: RecordsDoor,
        quick: dict[tuple[str, str], Quick],
    ) -> None:
        """Route by `routes`, and further functions of the model to `records`; `plane` is asked what could be meant.

        The door has taken what is in `quick` elsewhere before anything comes here.
        """
        self.quick = quick
        self._records = records
        self._plane = plane
        self._routes = routes

    async def __call__(self, request: Request) -> Answer:
        """Answer the request. Raises the error that explains a path or verb that does not exist."""
        handler = self._routes.get((request.verb, request.path))
        function = unquote(request.path[1:])
        if handler is None and request.verb == "POST" and self._is_function(function):
            return await self._records.answer(function, request)
        if handler is None:
            raise self._explain_missing(request.verb, unquote(request.path))
        return await handler(request)

    def _is_function(self, name: str) -> bool:
        return self._plane.is_ready() and name in self._plane.info.functions

    def _explain_missing(self, verb: str, path: str) -> ServingError:
        verbs = sorted({known for known, place in (*self._routes, *self.quick) if place == path})
        if verbs:
            return WrongVerb(f"{verb} is not possible at {path[:200]}.", f"Use {' or '.join(verbs)}.")
        if path.startswith("/v2/models/"):
            model = self._plane.model
            return UnknownModel(
                f"There is nothing at {path[:200]}.", f"The model here is {model.name}, version {model.version}."
            )
        if verb == "POST" and path.count("/") == 1 and len(path) > 1:
            return self._explain_function(path[1:])
        return UnknownPath(f"There is nothing at {path[:200]}.", "Ask GET /v2 what this server can do.")

    def _explain_function(self, function: str) -> ServingError:
        known = ", ".join(self._plane.info.functions)
        return UnknownFunction(
            f"The model {self._plane.model.name} has no function {function[:60]!r}.", f"It has {known}."
        )

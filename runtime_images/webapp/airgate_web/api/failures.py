"""The only table from refusals to HTTP; every failure of the API is {"code", "error", "hint"}."""

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import Scope

from airgate_kit import logs
from airgate_web.domain.errors import Refusal

STATUS = {
    "refused": 400,
    "invalid": 400,
    "bad_model": 422,
    "dangerous_model": 422,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "too_large": 413,
    "too_many": 429,
    "unavailable": 503,
    "internal": 500,
}
VERBS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
PLAIN = {"missing": "is missing", "extra_forbidden": "is not known here"}  # the framework's words are for programmers
OURS = ("/api", "/internal")  # below these no page is ever answered

log = logs.get("airgate_web.api")


class Failure(BaseModel):
    """What every failure looks like. hint: what to do instead; may be empty."""

    code: str
    error: str
    hint: str


DOCUMENTED: dict[int | str, dict[str, Any]] = {"4XX": {"model": Failure}, "5XX": {"model": Failure}}


def make_failure(code: str, error: str, hint: str = "") -> JSONResponse:
    """Return the answer for a code of the table."""
    headers = {"WWW-Authenticate": "Bearer"} if code == "unauthenticated" else None
    return JSONResponse({"code": code, "error": error, "hint": hint}, STATUS[code], headers)


def install_failures(app: FastAPI) -> None:
    """Have `app` answer refusals, wrong bodies, unknown paths and our own mistakes in this form."""
    app.add_exception_handler(Refusal, answer_refusal)
    app.add_exception_handler(RequestValidationError, answer_invalid)
    app.add_exception_handler(HTTPException, answer_http)
    app.add_exception_handler(Exception, answer_mistake)
    for prefix in OURS:
        app.add_api_route(prefix + "/{path:path}", answer_unknown, methods=VERBS, include_in_schema=False)


async def answer_refusal(_request: Request, error: Exception) -> Response:
    """Answer a refusal of the services."""
    assert isinstance(error, Refusal)
    return make_failure(error.code if error.code in STATUS else "refused", error.sentence, error.hint)


async def answer_invalid(request: Request, error: Exception) -> Response:
    """Answer a body or parameter that is not of its shape: the first thing that is wrong, by its place."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    if first["type"] == "json_invalid":
        return make_failure("invalid", "The body is not JSON.", "Check its quotes and commas.")
    where = f"The field '{place}'" if place else "The body"
    said = PLAIN.get(first["type"], f"is wrong: {first['msg']}")
    known = find_known(request) if first["type"] == "extra_forbidden" and len(first["loc"]) == 2 else ""
    return make_failure("invalid", f"{where} {said}.", f"{known}See /api/v2/openapi.json.")


def find_known(request: Request) -> str:
    """Return a sentence with the fields that a call's body may have; "" where it has none of its own."""
    field = getattr(request.scope.get("route"), "body_field", None)
    shape = field.field_info.annotation if field else None
    if not isinstance(shape, type) or not issubclass(shape, BaseModel):
        return ""
    names = (one.alias or name for name, one in shape.model_fields.items())
    return f"Known are {', '.join(names)}. "


async def answer_http(request: Request, error: Exception) -> Response:
    """Answer what the framework itself refuses, such as a body that is not UTF-8."""
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, Refusal):  # raised while the framework read the body
        return await answer_refusal(request, error.__cause__)
    code = next((code for code, status in STATUS.items() if status == error.status_code), "refused")
    return make_failure(code, f"{error.detail}.".replace("..", "."), "See /api/v2/openapi.json.")


async def answer_mistake(request: Request, error: Exception) -> Response:
    """Answer a mistake of ours, and log it."""
    log.error("request failed", exc_info=error, extra={"fields": {"method": request.method, "path": request.url.path}})
    return make_failure("internal", "Something failed inside the appliance.", "Look at the log of the web process.")


def answer_unknown(request: Request) -> Response:
    """Answer a path that nobody knows, or a known one with a verb that it does not take."""
    verbs = find_verbs(request)
    path = request.url.path
    if not verbs:
        return make_failure("not_found", f"There is no {path}.", "See /api/v2/openapi.json.")
    answer = make_failure("method_not_allowed", f"{path} does not take {request.method}.", f"Use {', '.join(verbs)}.")
    answer.headers["Allow"] = ", ".join(verbs)
    return answer


def find_verbs(request: Request) -> list[str]:
    """Return the verbs that this path takes."""
    known = [route for route in request.app.router.routes if knows_paths(route)]
    return [verb for verb in VERBS if any(takes(route, request.scope, verb) for route in known)]


def knows_paths(route: BaseRoute) -> bool:
    """Return whether a route stands for paths of its own: not the one for unknown paths, nor pages mounted over all."""
    return not isinstance(route, Mount) and getattr(route, "endpoint", None) is not answer_unknown


def takes(route: BaseRoute, scope: Scope, verb: str) -> bool:
    """Return whether a route takes the path of a request with that verb."""
    return route.matches({**scope, "method": verb})[0] is Match.FULL

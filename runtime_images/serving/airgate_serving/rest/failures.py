"""Answers, and the one table from an error's code to an HTTP status."""

import msgspec
import orjson

from airgate_serving.errors import ServingError

JSON = "application/json"
STATUS = {
    "bad-request": 400,
    "model-refused": 400,
    "gate-closed": 403,
    "unknown-model": 404,
    "unknown-function": 404,
    "unknown-path": 404,
    "wrong-verb": 405,
    "body-too-large": 413,
    "bad-model-file": 422,
    "dangerous-model-file": 422,
    "missing-library": 422,
    "card-missing": 422,
    "lock-missing": 422,
    "call-stopped": 422,
    "fetch-failed": 502,
    "busy": 429,
    "not-ready": 503,
    "deadline-passed": 504,
    "model-failed": 500,
    "internal": 500,
}
RETRY_AFTER = {429: "1", 503: "2", 504: "1"}  # seconds


class Answer(msgspec.Struct, frozen=True):
    """What goes back."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


def explain_error(error: ServingError) -> Answer:
    """Return the answer for an error: `{"error", "code", "hint"}` under the status of its code."""
    status = STATUS.get(error.code, 500)
    retry = (("retry-after", RETRY_AFTER[status]),) if status in RETRY_AFTER else ()
    body = {"error": error.sentence, "code": error.code, "hint": error.hint}
    return Answer(status, orjson.dumps(body), headers=retry)


def write_json(value: object, status: int = 200) -> Answer:
    """Return a value as a JSON answer."""
    return Answer(status, orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY))

"""Publishing a model: the file is streamed from the connection to the disk and never held in memory.

    curl -H "Authorization: Bearer $TOKEN" -T digits.onnx -X POST \\
         "$URL/api/v2/projects/qc/models?name=digits&filename=digits.onnx"           a raw body
    curl -H "Authorization: Bearer $TOKEN" -F name=digits -F file=@digits.onnx "$URL/api/v2/projects/qc/models"
"""

from collections.abc import AsyncIterator, Iterator
from itertools import chain

from anyio import from_thread
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from airgate_web.api.access import Asking, AtDesk
from airgate_web.api.judged import show_version
from airgate_web.api.multipart import FormReader
from airgate_web.api.shapes.models import JudgedVersionAnswer
from airgate_web.domain.errors import Invalid, TooLarge, Unavailable
from airgate_web.domain.model import ModelVersion
from airgate_web.domain.user import User
from airgate_web.services.desk import Desk
from airgate_web.services.models import publish_model

SLACK = 1024 * 1024  # bytes that a form has around its file
MIB = 1024 * 1024
FORM = "multipart/form-data"

router = APIRouter()

BODY = {"schema": {"type": "string", "format": "binary"}}
FORM_BODY = {
    "schema": {
        "type": "object",
        "required": ["file"],
        "properties": {
            "name": {"type": "string"},
            "description": {"type": "string"},
            "runtime": {"type": "string"},
            "override_reason": {"type": "string"},
            "file": {"type": "string", "format": "binary"},
        },
    }
}
DOCUMENTED = {"requestBody": {"content": {"application/octet-stream": BODY, FORM: FORM_BODY}, "required": True}}


@router.post("/projects/{route}/models", status_code=201, openapi_extra=DOCUMENTED)
async def upload_model(
    route: str,
    request: Request,
    desk: AtDesk,
    user: Asking,
    name: str = "",
    filename: str = "",
    description: str = "",
    runtime: str = "",
    override_reason: str = "",
) -> JudgedVersionAnswer:
    """Publish a file as the next version of `name`. In a form, the fields stand before the file.

    override_reason: why an administrator allows the file past the scanner, should that refuse it.
    """
    refuse_announced(request, desk.upload_limit)
    given = {"name": name, "filename": filename, "description": description, "runtime": runtime}
    given["override_reason"] = override_reason
    content_type = request.headers.get("content-type", "")
    version = await run_in_threadpool(publish, desk, user, route, given, content_type, request.stream())
    return await run_in_threadpool(show_version, desk, version)


def publish(
    desk: Desk, user: User, route: str, given: dict[str, str], content_type: str, stream: AsyncIterator[bytes]
) -> ModelVersion:
    """Publish what `stream` brings; runs in a thread and pulls the body from the event loop."""
    source = pull(stream)
    if content_type.startswith(FORM):
        given, source = open_form(FormReader(content_type), given, source)
    words = (given["description"], given["runtime"], given["override_reason"])
    return publish_model(desk, user, route, given["name"], given["filename"], source, *words)


def pull(stream: AsyncIterator[bytes]) -> Iterator[bytes]:
    """Yield the pieces of a body that arrives in the event loop, from a thread beside it."""
    while (data := from_thread.run(read_next, stream)) is not None:
        yield data


async def read_next(stream: AsyncIterator[bytes]) -> bytes | None:
    """Return the next piece of a body, None at its end; Unavailable when the client is gone."""
    try:
        return await anext(stream, None)
    except ClientDisconnect:
        raise Unavailable("The upload broke off.", "Send it again.") from None


def open_form(
    reader: FormReader, given: dict[str, str], source: Iterator[bytes]
) -> tuple[dict[str, str], Iterator[bytes]]:
    """Read a form up to its file; return the fields, over what the address gave, and the file's bytes."""
    head: list[bytes] = []
    for data in source:
        head.extend(reader.feed(data))
        if reader.filename is not None:
            break
    else:
        raise Invalid("The form has no file.", "Add it as the field 'file', after the others.")
    rest = (chunk for data in source for chunk in reader.feed(data))
    fields = {key: value for key, value in reader.fields.items() if key in given and value}
    return {**given, "filename": given["filename"] or reader.filename, **fields}, chain(head, rest)


def refuse_announced(request: Request, limit: int) -> None:
    """Raise TooLarge before reading when the announced length alone is over the limit."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit + SLACK:
        raise TooLarge(
            f"The file is over the limit of {limit / MIB:,.0f} MiB.",
            "Choose a smaller one, or raise the upload limit (AIRGATE_UPLOAD_LIMIT_MIB).",
        )

"""Data sets: keeping, listing, downloading, removing. The body of an upload is the file, as for models."""

from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from airgate_web.api.access import Asking, AtDesk
from airgate_web.api.multipart import FormReader
from airgate_web.api.shapes.models import DataSetAnswer
from airgate_web.api.uploads import DOCUMENTED, FORM, open_form, pull, refuse_announced
from airgate_web.domain.dataset import DataSet
from airgate_web.domain.user import User
from airgate_web.services.datasets import find_dataset, find_file, keep_dataset, list_datasets, remove_dataset
from airgate_web.services.desk import Desk

router = APIRouter(prefix="/projects/{route}/datasets")


@router.get("")
def read_datasets(route: str, desk: AtDesk, _user: Asking) -> list[DataSetAnswer]:
    """A project's data sets by name."""
    return [DataSetAnswer.model_validate(one) for one in list_datasets(desk, route)]


@router.post("", status_code=201, openapi_extra=DOCUMENTED)
async def upload_dataset(
    route: str,
    request: Request,
    desk: AtDesk,
    user: Asking,
    name: str = "",
    filename: str = "",
    description: str = "",
) -> DataSetAnswer:
    """Keep a file as the data set `name`. In a form, the fields stand before the file."""
    refuse_announced(request, desk.upload_limit)
    given = {"name": name, "filename": filename, "description": description}
    content_type = request.headers.get("content-type", "")
    kept = await run_in_threadpool(keep, desk, user, route, given, content_type, request.stream())
    return DataSetAnswer.model_validate(kept)


def keep(
    desk: Desk, user: User, route: str, given: dict[str, str], content_type: str, stream: AsyncIterator[bytes]
) -> DataSet:
    """Keep what `stream` brings; runs in a thread and pulls the body from the event loop."""
    source = pull(stream)
    if content_type.startswith(FORM):
        given, source = open_form(FormReader(content_type), given, source)
    return keep_dataset(desk, user, route, given["name"], given["filename"], source, given["description"])


@router.get("/{name}")
def read_dataset(route: str, name: str, desk: AtDesk, _user: Asking) -> DataSetAnswer:
    """One data set, without its content."""
    return DataSetAnswer.model_validate(find_dataset(desk, route, name))


@router.get("/{name}/file")
def download_dataset(route: str, name: str, desk: AtDesk, _user: Asking) -> FileResponse:
    """The file as it was uploaded. It is never shown by the browser itself: nobody knows what is in it."""
    dataset = find_dataset(desk, route, name)
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
    path = find_file(desk, dataset)
    return FileResponse(path, media_type="application/octet-stream", filename=dataset.filename, headers=headers)


@router.delete("/{name}", status_code=204)
def delete_dataset(route: str, name: str, desk: AtDesk, user: Asking) -> None:
    """Remove a data set."""
    remove_dataset(desk, user, route, name)

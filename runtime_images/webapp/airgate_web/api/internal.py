"""Calls between the appliance's own processes: model files for runtimes and testers.

A file opens with the internal token, with the secret of this one file (for a service's init container), or with the
secret of all files (for a tester): see `domain.secrets`. The latter two open nothing else.
"""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse

from airgate_web.api.access import AtDesk, Bearer, require_internal, require_secret
from airgate_web.domain.errors import NotFound
from airgate_web.domain.secrets import find_blob_secret, find_blobs_secret
from airgate_web.services.readiness import find_waiting

router = APIRouter(prefix="/internal", include_in_schema=False)


@router.get("/ready", dependencies=[Depends(require_internal)])
def read_ready(request: Request, desk: AtDesk) -> dict[str, list[str]]:
    """Answer {"waiting": […]}: what is still on its way up since this process started; empty when all is ready."""
    return {"waiting": list(find_waiting(desk, request.app.state.started))}


@router.get("/blobs/{sha256}")
def read_blob(sha256: str, request: Request, desk: AtDesk, given: Bearer) -> FileResponse:
    """Send a model file, by the 64 hex digits of its digest."""
    digest = f"sha256:{sha256}"
    token: str = request.app.state.internal_token
    require_secret(given, token, find_blob_secret(token, digest), find_blobs_secret(token))
    path = desk.blobs.find(digest)
    if path is None:
        raise NotFound(f"There is no model file {digest}.")
    return FileResponse(path, media_type="application/octet-stream")

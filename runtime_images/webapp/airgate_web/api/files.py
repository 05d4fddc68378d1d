"""Model files for runtimes and testers: the one call of the process `files`.

    GET /internal/blobs/HEX   the file whose SHA-256 has these 64 hex digits

A file opens with the internal token, with the secret of this one file (for a service's init container), or with the
secret of all files (for a tester): see `domain.secrets`. The latter two open nothing else.
"""

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

from airgate_web.api.access import Bearer, require_secret
from airgate_web.domain.errors import NotFound
from airgate_web.domain.secrets import find_blob_secret, find_blobs_secret

router = APIRouter(include_in_schema=False)


@router.get("/internal/blobs/{sha256}")
def read_blob(sha256: str, request: Request, given: Bearer) -> FileResponse:
    """Send a model file, by the 64 hex digits of its digest."""
    digest = f"sha256:{sha256}"
    token: str = request.app.state.internal_token
    require_secret(given, token, find_blob_secret(token, digest), find_blobs_secret(token))
    path = request.app.state.find_blob(digest)
    if path is None:
        raise NotFound(f"There is no model file {digest}.")
    return FileResponse(path, media_type="application/octet-stream")


@router.get("/livez")
async def read_alive() -> dict[str, str]:
    """Answer as long as the event loop turns."""
    return {"status": "alive"}

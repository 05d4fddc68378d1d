"""Fetches a model file by its SHA-256: streamed beside its place, checked, renamed, read-only.

Doing it again is cheap: a file that is there and right stays. Beside it `jobs/` alone is a client of HTTP.
"""

import contextlib
import hashlib
import os
import re
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

from airgate_kit.clock import Clock
from airgate_kit.manifest import NAME
from airgate_serving.errors import FetchFailed

DIGEST = re.compile(r"^sha256:([0-9a-f]{64})$")
CHUNK = 1024 * 1024  # bytes
TIMEOUT = 30.0  # seconds without a byte
PAUSE = 1.0  # seconds between two tries
GIVE_UP_AT = (400, 401, 403, 404, 410)  # no second try would be answered otherwise


def fetch(url: str, digest: str, to: Path, token: str, clock: Clock, patience: float) -> bool:
    """Have the file with this digest at `to`; return whether it had to be fetched.

    A server that does not answer is asked again for `patience` seconds. Raises FetchFailed with one sentence.
    """
    if to.is_file() and compute_digest(to) == digest:
        return False
    deadline = clock.monotonic() + patience
    while True:
        try:
            _fetch_once(url, digest, to, token)
            return True
        except (OSError, HTTPException) as error:
            if _is_final(error) or clock.monotonic() >= deadline:
                raise FetchFailed(
                    f"The model file cannot be fetched from {url}: {_explain(error)}.",
                    "Check that the files process (pod airgate-files) runs, and that the token is the one it knows.",
                ) from error
        clock.sleep(PAUSE)


def read_digest(digest: str) -> str:
    """Return the hex part of `sha256:HEX`. Raises FetchFailed for anything else: it becomes part of a path."""
    found = DIGEST.match(digest) if isinstance(digest, str) else None
    if not found:
        raise FetchFailed("The digest is not sha256: and 64 hex digits.", "Give the digest that the upload answered.")
    return found.group(1)


def is_of_digest(path: Path, digest: str) -> bool:
    """Return whether a file has this digest, by its bytes; "" is that of none."""
    return bool(digest) and compute_digest(path) == digest


def compute_digest(path: Path) -> str:
    """Return `sha256:HEX` of a file; of a folder that of its manifest, or where it has none of all names and files."""
    if not path.is_dir():
        with path.open("rb") as content:
            return f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"
    if (path / NAME).is_file():
        return compute_digest(path / NAME)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = [f"{file.relative_to(path)}\0{compute_digest(file)}\n" for file in files]
    return f"sha256:{hashlib.sha256(''.join(lines).encode('utf-8', 'surrogateescape')).hexdigest()}"


def _fetch_once(url: str, digest: str, to: Path, token: str) -> None:
    """Stream into a file beside `to`, check, rename. What came to nothing leaves no file behind."""
    to.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=to.parent, prefix=".fetch-")
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            found = _stream(url, token, file)
        if found != digest:
            raise FetchFailed(
                f"The file at {url} is not the one that was asked for: it is {found}, not {digest}.",
                "Upload the model again, or look who changed the store.",
            )
        beside.chmod(0o444)
        beside.replace(to)
    finally:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()


def _stream(url: str, token: str, file: Any) -> str:
    sha = hashlib.sha256()
    for chunk in _read_chunks(url, token):
        sha.update(chunk)
        file.write(chunk)
    file.flush()
    os.fsync(file.fileno())
    return f"sha256:{sha.hexdigest()}"


def _read_chunks(url: str, token: str) -> Iterator[bytes]:
    request = urllib.request.Request(url)  # noqa: S310 - the address is the operator's
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    with opener.open(request, timeout=TIMEOUT) as answer:
        announced = answer.headers.get("Content-Length")
        size = 0
        while chunk := answer.read(CHUNK):
            size += len(chunk)
            yield chunk
        if announced is not None and size != int(announced):
            raise OSError(f"the answer broke off after {size} of {announced} bytes")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else, least of all with the token."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Refuse."""


def _is_final(error: Exception) -> bool:
    return isinstance(error, urllib.error.HTTPError) and error.code in GIVE_UP_AT


def _explain(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code}"
    return str(getattr(error, "reason", "") or error or type(error).__name__)

"""Where model files come from: a folder by digest, or the webapp, kept in a bounded cache."""

import contextlib
from pathlib import Path
from typing import Protocol

from airgate_kit.clock import Clock
from airgate_serving.errors import FetchFailed
from airgate_serving.fetch import fetch, read_digest

PATIENCE = 20.0  # seconds for a webapp that does not answer


class Blobs(Protocol):
    """A source of model files."""

    def find(self, digest: str) -> Path:
        """Return the path of the file with that digest. Raises FetchFailed."""


class FolderBlobs:
    """A folder laid out as `sha256/ab/abcdef…`, whose keeper has checked the digests."""

    def __init__(self, folder: Path) -> None:
        """Read from `folder`."""
        self._folder = folder

    def find(self, digest: str) -> Path:
        """Return the path of the file with that digest. Raises FetchFailed when it is not there."""
        hexadecimal = read_digest(digest)
        path = self._folder / "sha256" / hexadecimal[:2] / hexadecimal
        if not path.is_file():
            raise FetchFailed(f"There is no model file {digest}.", "Upload it again.")
        return path.resolve()


class FetchedBlobs:
    """The webapp's files, fetched as they are asked for; the ones used longest ago give way."""

    def __init__(self, url: str, token: str, cache: Path, most_bytes: int, clock: Clock) -> None:
        """Ask `GET url/HEX` with the token; keep at most `most_bytes` in `cache`."""
        self._url, self._token = url.rstrip("/"), token
        self._cache, self._most_bytes, self._clock = cache, most_bytes, clock

    def find(self, digest: str) -> Path:
        """Return the path of the file with that digest, fetched if need be. Raises FetchFailed."""
        hexadecimal = read_digest(digest)
        path = self._cache / hexadecimal
        fetch(f"{self._url}/{hexadecimal}", digest, path, self._token, self._clock, PATIENCE)
        path.touch(exist_ok=True)
        self._make_room(path)
        return path.resolve()

    def _make_room(self, keep: Path) -> None:
        """Remove the files used longest ago until the rest fits; a call that has one open still reads it."""
        files = sorted((path for path in self._cache.iterdir() if path.is_file()), key=_find_age)
        size = sum(path.stat().st_size for path in files)
        for path in files:
            if size <= self._most_bytes:
                return
            if path != keep:
                size -= path.stat().st_size
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()


def _find_age(path: Path) -> float:
    return path.stat().st_mtime

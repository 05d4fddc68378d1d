"""Blobs held in a dict, with their times; files appear in a folder only when somebody asks for a path."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from airgate_kit.clock import Clock
from airgate_web.domain.errors import NotFound, TooLarge


class MemoryBlobs:
    """Keeps the Blobs protocol in memory."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._kept: dict[str, tuple[bytes, float]] = {}

    def put(self, source: Iterator[bytes], limit: int) -> tuple[str, int]:
        body = b""
        for chunk in source:
            body += chunk
            if len(body) > limit:
                raise TooLarge("The file is over the limit.")
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self._kept[digest] = (body, self._clock.now().timestamp())
        return digest, len(body)

    def find(self, digest: str) -> Path | None:
        if digest not in self._kept:
            return None
        path = self._folder / digest.removeprefix("sha256:")
        path.write_bytes(self._kept[digest][0])
        return path

    def open(self, digest: str) -> BinaryIO:
        if digest not in self._kept:
            raise NotFound(f"There is no model file {digest}.")
        return io.BytesIO(self._kept[digest][0])

    def remove(self, digest: str) -> None:
        self._kept.pop(digest, None)

    def list(self) -> frozenset[str]:
        return frozenset(self._kept)

    def collect(self, keep: frozenset[str], idle: float) -> frozenset[str]:
        before = self._clock.now().timestamp() - idle
        gone = frozenset(digest for digest, (_, at) in self._kept.items() if digest not in keep and at <= before)
        for digest in gone:
            self.remove(digest)
        return gone

"""Model files in a folder, by what they contain: FOLDER/sha256/ab/<64 hex digits>, read-only and never changed.

A file is written in FOLDER/incoming, fsynced and renamed, so that a name always stands for the whole file. Several
processes, on several machines when the folder is shared, may use it at once.
"""

import errno
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from airgate_kit.clock import Clock
from airgate_web.domain.errors import NotFound, TooLarge, Unavailable

DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
READ_ONLY = 0o444
MIB = 1024 * 1024


class FolderBlobs:
    """Keeps the Blobs protocol in a folder, which is made when it is not there."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._incoming = folder / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)
        (folder / "sha256").mkdir(exist_ok=True)

    def put(self, source: Iterator[bytes], limit: int) -> tuple[str, int]:
        """Keep the bytes and return (digest, size); see `Blobs.put` for what is refused."""
        descriptor, name = tempfile.mkstemp(dir=self._incoming)
        incoming = Path(name)
        try:
            with explain_full_disk(), os.fdopen(descriptor, "wb") as file:
                digest, size = copy(source, file, limit)
            self._keep(incoming, digest)
        finally:
            incoming.unlink(missing_ok=True)
        return digest, size

    def find(self, digest: str) -> Path | None:
        """Return the path of a blob, or None; also for what is no digest."""
        return find_blob(self._folder, digest)

    def open(self, digest: str) -> BinaryIO:
        """Open a blob for reading; NotFound when there is none."""
        path = self.find(digest)
        if path is None:
            raise NotFound(f"There is no model file {digest}.")
        return path.open("rb")

    def remove(self, digest: str) -> None:
        """Remove a blob, and its folder with the last one; nothing happens when there is none. Readers can read on."""
        path = find_place(self._folder, digest)
        if path is None:
            return
        with self._hold():
            path.unlink(missing_ok=True)
            with suppress(OSError):  # others lie in the folder, or it is gone
                path.parent.rmdir()

    def list(self) -> frozenset[str]:
        """Return the digests of all blobs."""
        return frozenset(f"sha256:{path.name}" for path in (self._folder / "sha256").glob("??/*"))

    def collect(self, keep: frozenset[str], idle: float) -> frozenset[str]:
        """Remove what is not in `keep` and was not put within `idle` seconds; see `Blobs.collect`."""
        before = self._clock.now().timestamp() - idle
        with self._hold():
            for leftover in self._incoming.iterdir():
                remove_old(leftover, before)
            return frozenset(
                f"sha256:{path.name}"
                for path in (self._folder / "sha256").glob("??/*")
                if f"sha256:{path.name}" not in keep and remove_old(path, before)
            )

    def _keep(self, incoming: Path, digest: str) -> None:
        """Give a complete file its name, or renew the time of the one that has it."""
        place = find_place(self._folder, digest)
        assert place is not None, digest
        now = self._clock.now().timestamp()
        with explain_full_disk(), self._hold():
            place.parent.mkdir(exist_ok=True)
            if not place.exists():
                incoming.chmod(READ_ONLY)
                incoming.rename(place)
                sync_folder(place.parent)
            os.utime(place, (now, now))

    @contextmanager
    def _hold(self) -> Iterator[None]:
        """Keep `collect` and `put` apart: a blob put again must not go a moment later."""
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def find_blob(folder: Path, digest: str) -> Path | None:
    """Return the path of a blob in a folder, or None; also for what is no digest, and where there is no folder yet."""
    path = find_place(folder, digest)
    return path if path is not None and path.is_file() else None


def find_place(folder: Path, digest: str) -> Path | None:
    """Return where a blob of that digest would lie, or None for what is no digest."""
    match = DIGEST.fullmatch(digest)
    return folder / "sha256" / match[1][:2] / match[1] if match else None


def copy(source: Iterator[bytes], file: BinaryIO, limit: int) -> tuple[str, int]:
    """Write `source` to `file`, durably; return its digest and size. TooLarge as soon as it passes `limit` bytes."""
    sha, size = hashlib.sha256(), 0
    for chunk in source:
        size += len(chunk)
        if size > limit:
            raise TooLarge(
                f"The file is over the limit of {limit / MIB:,.0f} MiB.",
                "Choose a smaller one, or raise the upload limit (AIRGATE_UPLOAD_LIMIT_MIB).",
            )
        sha.update(chunk)
        file.write(chunk)
    file.flush()
    os.fsync(file.fileno())
    return f"sha256:{sha.hexdigest()}", size


def remove_old(path: Path, before: float) -> bool:
    """Remove a file that was last touched before that time; return whether it went."""
    try:
        if path.stat().st_mtime > before:
            return False
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def explain_full_disk() -> Iterator[None]:
    """Turn "no space left" into a refusal; other errors of the disk stay what they are."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Unavailable("The disk for model files is full.", "Remove models that nobody needs.") from error

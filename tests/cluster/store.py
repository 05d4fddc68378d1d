"""A cache by content: one folder an artefact, named after the digest of everything that went into it."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

KEY_LENGTH = 16  # hexadecimal digits of SHA-256: 64 bits


def find_store() -> "Store":
    """Return the machine's store: $AIRGATE_TEST_CACHE, or airgate-tests in the user's cache folder."""
    default = Path.home() / ".cache" / "airgate-tests"
    return Store(Path(os.environ.get("AIRGATE_TEST_CACHE") or default))


def compute_key(*parts: str | Path) -> str:
    """Return the digest of texts and of files: a folder counts with the names, modes and contents below it."""
    digest = hashlib.sha256()
    for part in parts:
        for piece in _read_part(part):
            digest.update(len(piece).to_bytes(8, "big"))
            digest.update(piece)
    return digest.hexdigest()[:KEY_LENGTH]


def _read_part(part: str | Path) -> Iterator[bytes]:
    if isinstance(part, str):
        yield part.encode()
        return
    files = sorted(path for path in part.rglob("*") if path.is_file()) if part.is_dir() else [part]
    for path in files:
        yield f"{path.relative_to(part.parent)} {path.stat().st_mode & 0o111:o}".encode()
        yield path.read_bytes()


@dataclass(frozen=True, slots=True)
class Store:
    """Finished artefacts under one folder. A half-built one is never seen under its name."""

    root: Path

    def publish(self, name: str, key: str, build: Callable[[Path], None]) -> Path:
        """Return the folder of artefact `name` with this key; build it first where it is missing.

        `build` fills an empty folder that gets its name only when it returns. A second process that wants the same
        artefact waits for the first. What `build` raises passes through, and nothing is left behind.
        """
        folder = self.root / f"{name}-{key}"
        if folder.is_dir():
            return folder
        with self.lock(name):
            if not folder.is_dir():
                self._build(folder, build)
        return folder

    def _build(self, folder: Path, build: Callable[[Path], None]) -> None:
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=self.root))
        try:
            draft.chmod(0o755)
            build(draft)
            draft.rename(folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the lock of one name among all processes on this machine."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / f".{name}.lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

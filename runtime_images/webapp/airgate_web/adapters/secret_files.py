"""Secrets in files: read when they are there, made (mode 0600) when they are not."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from airgate_web.domain.errors import Invalid, Unavailable


def keep_secret(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return what `path` holds; when there is no such file, write what `make` returns first.

    Of several processes that start at once, all come to the same secret. Raises Invalid when the file cannot be read
    or written, or is empty.
    """
    try:
        if not path.exists():
            write_once(path, make())
        secret = path.read_bytes().strip()
    except OSError as error:
        raise Invalid(
            f"The secret file {path} cannot be used: {error.strerror}.", "Check its owner and mode."
        ) from None
    if not secret:
        raise Invalid(f"The secret file {path} is empty.", "Write the secret into it, or remove it to have one made.")
    return secret


def read_internal_token(path: Path) -> str:
    """Return the token between our own processes; Unavailable when the web process has not made it yet."""
    try:
        return path.read_text().strip()
    except OSError as why:
        raise Unavailable(
            f"The internal token cannot be read from {path}: {why.strerror}.",
            "Start `airgate-web web` once, or name the file (--internal-token-file, AIRGATE_INTERNAL_TOKEN_FILE).",
        ) from None


def write_once(path: Path, secret: bytes) -> None:
    """Write a secret beside `path` and link it there; when somebody was first, theirs stays."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600
    beside = Path(name)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(beside, path)
    except FileExistsError:
        pass
    finally:
        beside.unlink()

"""Libraries that speak or write before anybody can tell them not to: hushed, and kept to the scratch folder."""

import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STDOUT, STDERR = 1, 2
_libc = ctypes.CDLL(None)


@contextmanager
def hushed(stream: int = STDERR) -> Iterator[None]:
    """Let nothing reach a stream while it lasts: TensorFlow greets on stderr, PyTorch warns there."""
    kept, nowhere = os.dup(stream), os.open(os.devnull, os.O_WRONLY)
    try:
        flush()
        os.dup2(nowhere, stream)
        yield
    finally:
        flush()
        os.dup2(kept, stream)
        os.close(nowhere)
        os.close(kept)


def flush() -> None:
    """Write out what was printed by now, by Python or by a library of C or C++."""
    sys.stdout.flush()
    sys.stderr.flush()
    _libc.fflush(None)


@contextmanager
def keeping_files_in(folder: Path) -> Iterator[None]:
    """Have Python's temporary files made in a folder while it lasts: a locked process has no other, and absl asks."""
    usual, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = usual

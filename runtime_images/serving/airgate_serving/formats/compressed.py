"""Files that joblib compressed: what they begin with, whether they are whole, and their plain bytes."""

import bz2
import contextlib
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

HEAD = 4096  # bytes that tell the formats apart; compressed ones need some to begin
BLOCK = 4096  # bytes read at a time where they may grow a thousandfold
LARGE_BLOCK = 1024 * 1024


def read_head(path: Path) -> bytes:
    """Return the first bytes of a file."""
    with path.open("rb") as file:
        return file.read(HEAD)


def ends_early(path: Path) -> bool:
    """Return whether a file that joblib compressed stops before its own end."""
    make = _find_compression(read_head(path))
    if make is None:
        return False
    stream = make()
    try:
        with path.open("rb") as file:
            while not stream.eof and (block := file.read(BLOCK)):
                stream.decompress(block)
    except _DAMAGED:
        return False
    return not stream.eof


def read_plainly(path: Path, most: int) -> Iterator[bytes]:
    """Yield a file's bytes; of one that joblib compressed at least `most` plain ones. Damage ends it early."""
    make = _find_compression(read_head(path))
    stream, room = make() if make else None, most
    with path.open("rb") as file, contextlib.suppress(*_DAMAGED):
        while room > 0 and (block := file.read(BLOCK if stream else LARGE_BLOCK)):
            plain = stream.decompress(block) if stream else block
            room -= len(plain) if stream else 0
            yield plain


def decompress_head(head: bytes) -> bytes:
    """Return the first decompressed bytes where joblib compressed the file, else nothing."""
    make = _find_compression(head)
    try:
        return make().decompress(head, 2) if make else b""
    except _DAMAGED:
        return b""


def _find_compression(head: bytes) -> "Callable[[], Stream] | None":
    return next((make for magic, make in _COMPRESSIONS.items() if head.startswith(magic)), None)


class Stream(Protocol):
    """What the decompressors of Python's own library have in common."""

    @property
    def eof(self) -> bool:
        """Whether the end of the compressed data was reached."""

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes:
        """Return what these bytes hold, at most `max_length` of it."""


_DAMAGED = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)
_COMPRESSIONS: dict[bytes, Callable[[], Stream]] = {
    b"\x78": lambda: zlib.decompressobj(zlib.MAX_WBITS),
    b"\x1f\x8b": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ": lzma.LZMADecompressor,
    b"\x5d\x00": lzma.LZMADecompressor,
}

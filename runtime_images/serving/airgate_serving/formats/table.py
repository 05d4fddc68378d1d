"""Which file serves which format, and which format a file is of. The name of a file proves nothing; its bytes do."""

import bz2
import contextlib
import importlib
import lzma
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from airgate_serving.errors import BadModelFile
from airgate_serving.formats.archive import list_members, looks_like_archive
from airgate_serving.formats.interface import LoadOptions, Runner
from airgate_serving.formats.qaic_library import PROGRAM
from airgate_serving.formats.script import looks_like_script
from airgate_serving.formats.skops_file import MARK_ZIP, is_skops

HEAD = 4096  # bytes that tell the formats apart; compressed ones need some to begin
BLOCK = 4096  # bytes read at a time where they may grow a thousandfold
LARGE_BLOCK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Format:
    """A format: the module that loads it, whether its files may carry code, and whether it writes what they hold.

    A call may then write files, in memory or in its scratch folder, as large as the memory it may have.
    """

    name: str
    module: str
    carries_code: bool
    unpacks: bool = False


class Loader(Protocol):
    """What every format's module offers."""

    def load(self, path: Path, options: LoadOptions) -> Runner:
        """Return the model in `path`. Raises BadModelFile."""


FORMATS = {
    "onnx": Format("onnx", "airgate_serving.formats.onnx", carries_code=False),
    "sklearn": Format("sklearn", "airgate_serving.formats.sklearn", carries_code=True),
    "xgboost": Format("xgboost", "airgate_serving.formats.xgboost", carries_code=False),
    "lightgbm": Format("lightgbm", "airgate_serving.formats.lightgbm", carries_code=False),
    "script": Format("script", "airgate_serving.formats.script", carries_code=True),
    "mlflow": Format("mlflow", "airgate_serving.formats.mlflow", carries_code=True, unpacks=True),
    "qpc": Format("qpc", "airgate_serving.formats.qpc", carries_code=True, unpacks=True),
}


def load(path: Path, format_name: str, options: LoadOptions) -> Runner:
    """Open the file as the given format. Raises BadModelFile with one sentence."""
    module = cast(Loader, importlib.import_module(find_format(format_name).module))
    return module.load(path, options)


def find_format(name: str) -> Format:
    """Return the format of that name. Raises BadModelFile naming the ones there are."""
    if name not in FORMATS:
        raise BadModelFile(f"The format {name!r} is unknown here.", f"Use one of {', '.join(FORMATS)}.")
    return FORMATS[name]


def guess_format(path: Path) -> str:
    """Return the format's name by the file's first bytes. Raises BadModelFile for an empty or unknown file."""
    if path.is_dir():
        return guess_folder(path)
    head = read_head(path)
    if not head:
        raise BadModelFile("The file is empty.", "Upload the model file itself; it has 0 bytes.")
    if looks_pickled(head) or looks_pickled(_decompress_head(head)):
        return "sklearn"
    if head.startswith(MARK_ZIP) and is_skops(path):
        return "sklearn"
    if looks_like_archive(head):
        return guess_archive(path)
    for name, looks_like in _LOOKS.items():
        if looks_like(head):
            return name
    raise BadModelFile(
        "The file is of no format that this runtime can serve.",
        "Upload an ONNX model, a scikit-learn model saved by pickle, joblib or skops, a model of XGBoost (.json, "
        ".ubj) or LightGBM (.txt), a script with a function predict (.py), or an archive (.zip, .tar) of an MLflow "
        "folder, of an ONNX model with its weights, or of a script with its files.",
    )


def guess_folder(path: Path) -> str:
    """Return the format of what a folder holds: a program for Qualcomm's cards. Raises BadModelFile for any other."""
    if (path / PROGRAM).is_file():
        return "qpc"
    raise BadModelFile(f"The folder {path.name} has no {PROGRAM}.", "Give a model file, or the folder of a program.")


def guess_archive(path: Path) -> str:
    """Return the format of what an archive holds: a program, MLflow's folder, a script, ONNX. Raises BadModelFile."""
    names = list_members(path)
    for ending, name in ((PROGRAM, "qpc"), ("MLmodel", "mlflow"), (".py", "script"), (".onnx", "onnx")):
        if any(member.endswith(ending) for member in names):
            return name
    raise BadModelFile(
        f"The archive holds neither a script (.py) nor a model (.onnx, MLmodel, {PROGRAM}): {', '.join(names[:5])}.",
        "Pack one of them, with the files that it needs.",
    )


def read_head(path: Path) -> bytes:
    """Return the first bytes of a file."""
    with path.open("rb") as file:
        return file.read(HEAD)


def looks_pickled(head: bytes) -> bool:
    """Return whether these bytes begin a pickle of protocol 2 or later."""
    return len(head) > 1 and head[0] == 0x80 and 2 <= head[1] <= 5


def looks_like_onnx(head: bytes) -> bool:
    """Return whether these bytes begin an ONNX ModelProto: field 1 (ir_version), a small number, then a known field."""
    return len(head) > 2 and head[0] == 0x08 and 1 <= head[1] < 64 and head[2] >> 3 in _ONNX_FIELDS


def looks_like_xgboost(head: bytes) -> bool:
    """Return whether these bytes begin XGBoost's JSON or UBJSON: an object whose first name is one of its own."""
    plain = head.lstrip()[1:].lstrip() if head[:1] in b"{ \t\r\n" else b""
    ubjson = head.startswith(b"{L" + bytes(7) + b"\x07")  # the length of the name
    return plain.startswith((b'"learner"', b'"version"')) or (ubjson and head[10:17] in (b"learner", b"version"))


def looks_like_lightgbm(head: bytes) -> bool:
    """Return whether these bytes begin LightGBM's text: the word tree, then the version."""
    lines = head.splitlines()[:2]
    return len(lines) == 2 and lines[0] == b"tree" and lines[1].startswith(b"version=")


_LOOKS: dict[str, Callable[[bytes], bool]] = {
    "onnx": looks_like_onnx,
    "xgboost": looks_like_xgboost,
    "lightgbm": looks_like_lightgbm,
    "script": looks_like_script,
}
_ONNX_FIELDS = {2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26}


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


def _decompress_head(head: bytes) -> bytes:
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

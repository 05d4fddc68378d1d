"""Archives (zip, tar, tar.gz) read into memory, member by member: nothing is ever unpacked into a folder."""

import io
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from airgate_serving.errors import BadModelFile

MOST_BYTES = 4 * 1024**3  # of all members together
MOST_MEMBERS = 10_000
BLOCK = 1024 * 1024  # bytes
MARK_ZIP, MARK_GZIP = b"PK\x03\x04", b"\x1f\x8b"
MARK_TAR, PLACE_TAR = b"ustar", 257
MARK_HDF5 = b"\x89HDF\r\n\x1a\n"
NEED_ROOM = frozenset({"qpc", "keras", "tensorflow"})
HINT = "Pack the model's own files alone, and upload the whole archive."


def looks_like_archive(head: bytes) -> bool:
    """Return whether these bytes begin a zip, a tar or a gzip."""
    return head.startswith((MARK_ZIP, MARK_GZIP)) or head[PLACE_TAR : PLACE_TAR + len(MARK_TAR)] == MARK_TAR


def is_archive(path: Path) -> bool:
    """Return whether the file begins as an archive does."""
    with path.open("rb") as file:
        return looks_like_archive(file.read(PLACE_TAR + len(MARK_TAR)))


def may_hold_program(path: Path, form: str) -> bool:
    """Return whether a model could be a program for Qualcomm's cards, by its format where that is said."""
    return form == "qpc" or (not form and (path.is_dir() or is_archive(path)))


def may_need_room(path: Path, form: str) -> bool:
    """Return whether a model could need a folder to write in: one that a library opens in a folder or by its name."""
    if form:
        return form in NEED_ROOM
    return path.is_dir() or is_archive(path) or is_hdf5(path)


def is_hdf5(path: Path) -> bool:
    """Return whether the file begins as HDF5 does."""
    with path.open("rb") as file:
        return file.read(len(MARK_HDF5)) == MARK_HDF5


def list_members(path: Path) -> list[str]:
    """Return the names of the regular files. Raises BadModelFile for an archive that is damaged."""
    with _explained():
        return [name for name, _ in _walk(path)]


def read_members(path: Path) -> dict[str, bytes]:
    """Return every regular file by name. Raises BadModelFile for one that is damaged, too large or reaches out."""
    found: dict[str, bytes] = {}
    room = MOST_BYTES
    with _explained():
        for name, file in _walk(path):
            found[name] = _read(file, room)
            room -= len(found[name])
    return found


def read_member(path: Path, name: str, most: int) -> bytes:
    """Return the first `most` bytes of one regular file, nothing where it is not there. Raises BadModelFile."""
    with _explained():
        for found, file in _walk(path):
            if found == name:
                return file.read(most)
    return b""


def copy_member(path: Path, name: str, to: Path) -> None:
    """Write one regular file of an archive to a place, a block at a time. Raises BadModelFile as `read_members`."""
    with _explained():
        for found, file in _walk(path):
            if found == name:
                with to.open("wb") as target:
                    shutil.copyfileobj(file, target, BLOCK)
                return


def unpack_members(path: Path, top: PurePosixPath, is_wanted: Callable[[PurePosixPath], bool], to: Path) -> None:
    """Write the wanted members below the folder `top` of an archive to `to`. Raises BadModelFile as `read_members`."""
    room = MOST_BYTES
    with _explained():
        for name, file in _walk(path):
            place = PurePosixPath(name)
            if place.is_relative_to(top) and is_wanted(place.relative_to(top)):
                room -= _write(file, to / place.relative_to(top), room)


def _write(file: IO[bytes], target: Path, room: int) -> int:
    """Write what a member holds, a block at a time, and return its size. Raises BadModelFile when it is too large."""
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with target.open("wb") as out:
        while block := file.read(BLOCK):
            size += len(block)
            if size > room:
                raise BadModelFile(f"The archive would unpack to more than {MOST_BYTES} bytes.", HINT)
            out.write(block)
    return size


def find_one(members: Iterable[str], ending: str, what: str) -> str:
    """Return the only member with this ending. Raises BadModelFile when there is none or more than one."""
    found = [name for name in members if name.endswith(ending) and not PurePosixPath(name).name.startswith(".")]
    if len(found) != 1:
        seen = ", ".join(found[:5]) or "none"
        raise BadModelFile(f"The archive should have one {what} ({ending}); it has {seen}.", HINT)
    return found[0]


@contextmanager
def _explained() -> Iterator[None]:
    """Turn whatever the readers of archives stumble over into a sentence."""
    try:
        yield
    except (*_DAMAGES, OSError, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
        reason = str(error).partition("\n")[0][:120] or type(error).__name__  # tarfile then lists its tries
        raise BadModelFile(f"The archive cannot be read: {reason}.", HINT) from error


_DAMAGES = (zipfile.BadZipFile, tarfile.TarError, zlib.error)


def _read(file: IO[bytes], room: int) -> bytes:
    """Return what a member holds, a block at a time: a tar's would set memory aside for all that it may be."""
    content = io.BytesIO()
    while block := file.read(BLOCK):
        if content.tell() + len(block) > room:
            raise BadModelFile(f"The archive would unpack to more than {MOST_BYTES} bytes.", HINT)
        content.write(block)
    return content.getvalue()


def _walk(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    for number, (name, file) in enumerate(_walk_zip(path) if zipfile.is_zipfile(path) else _walk_tar(path)):
        if number >= MOST_MEMBERS:
            raise BadModelFile(f"The archive has more than {MOST_MEMBERS} members.", HINT)
        yield _check_name(name), file


def _walk_zip(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                with archive.open(member) as file:
                    yield member.filename, file


def _walk_tar(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(path) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                yield member.name, file


def _check_name(name: str) -> str:
    """Return a member's name, plainly written. Raises BadModelFile for one that leads out of the archive."""
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts:
        raise BadModelFile(f"The archive has a member {name[:80]!r}, which would lie outside of it.", HINT)
    return str(place)

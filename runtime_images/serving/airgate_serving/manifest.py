"""`airgate-serve manifest`: says of a folder with a large model what is in it, so that it can be registered.

Every byte is read once. What was read is kept beside, one line a file, so that a command that was ended goes on where
it was; a file that has changed since is read again.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

from airgate_kit.manifest import (
    NAME,
    PROGRESS,
    BadFolder,
    Entry,
    judge_folder,
    list_files,
    read_manifest,
    render_manifest,
)
from airgate_serving.errors import BadConfiguration
from airgate_serving.fetch import compute_digest

Say = Callable[[str], None]


def write_manifest(folder: Path, say: Say) -> str:
    """Write a folder's manifest and return its digest. say: told of each file that is read.

    Raises BadConfiguration for a folder that cannot be described, or not be written to.
    """
    try:
        entries = _read_entries(folder, say)
        beside = folder / f"{NAME}.new"
        beside.write_bytes(render_manifest(entries))
        beside.replace(folder / NAME)
        (folder / PROGRESS).unlink(missing_ok=True)
        digest, _ = read_manifest(folder)
    except BadFolder as why:
        raise BadConfiguration(why.sentence, why.hint) from None
    except OSError as why:
        raise BadConfiguration(f"{why.filename} cannot be written: {why.strerror}.", "Mount it to write.") from None
    return digest


def check_folder(folder: Path, digest: str, full: bool, say: Say) -> int:
    """Return the bytes of a folder that is as its manifest with this digest says. full: read every byte of it.

    Raises BadConfiguration with one sentence otherwise.
    """
    try:
        size = judge_folder(folder, digest)
        for path, entry in read_manifest(folder)[1].items() if full else ():
            say(path)
            found = compute_digest(folder / path)
            if found != entry.digest:
                raise BadFolder(f"{path} in {folder} is {found}, its manifest says {entry.digest}.", "Copy it again.")
    except BadFolder as why:
        raise BadConfiguration(why.sentence, why.hint) from None
    return size


def _read_entries(folder: Path, say: Say) -> dict[str, Entry]:
    """Read what was not read before, and keep each file's line as soon as it is known."""
    files, known = list_files(folder), _read_progress(folder / PROGRESS)
    files.pop(f"{NAME}.new", None)
    if not files:
        raise BadFolder(f"{folder} has no file.", "Give the folder that holds the model.")
    entries = {}
    with (folder / PROGRESS).open("a") as progress:
        for path, facts in sorted(files.items()):
            seen = (facts.st_size, facts.st_mtime_ns)
            if known.get(path, ("",))[0] != seen:
                say(path)
                known[path] = seen, compute_digest(folder / path)
                line = {"path": path, "size": seen[0], "mtime_ns": seen[1], "digest": known[path][1]}
                progress.write(json.dumps(line) + "\n")
                progress.flush()
                os.fsync(progress.fileno())
            entries[path] = Entry(facts.st_size, known[path][1])
    return entries


def _read_progress(path: Path) -> dict[str, tuple[tuple[int, int], str]]:
    """Return (size, time of change) and digest of what was read before; a line that broke off counts for nothing."""
    known = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            each = json.loads(line)
            known[each["path"]] = (each["size"], each["mtime_ns"]), each["digest"]
        except (ValueError, KeyError):
            continue
    return known

"""A bundle's way onto the node: copied beside the installed one, verified there, and only then put in its place.

    SOURCE (a medium)  ->  ROOM/incoming  ->  verified  ->  ROOM/current
Nothing is left of a bundle that is refused. An interrupted copy goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.airgate_manifest import (
    MANIFEST,
    SIGNATURE,
    BundleRefused,
    check_age,
    check_files,
    find_files,
    read_manifest,
)
from ansible.module_utils.airgate_signature import check_signature

SPARE = 512 * 1024 * 1024  # bytes that stay free beside the staged copy


@dataclass(frozen=True)
class Room:
    """Where bundles lie on a node."""

    root: Path

    @property
    def incoming(self) -> Path:
        """The copy that is not yet trusted."""
        return self.root / "incoming"

    @property
    def current(self) -> Path:
        """The verified copy that every role reads."""
        return self.root / "current"


@dataclass(frozen=True)
class Trust:
    """What a bundle is held against: the sender's key, and the record of the installed release (None: any age)."""

    public_key: str
    installed: Path | None


def verify_bundle(root: Path, trust: Trust) -> dict[str, Any]:
    """Return the release in the bundle at `root`; raise BundleRefused at the first thing that is wrong."""
    release = verify_promise(root, trust)
    check_files(root, read_manifest(root)["files"])
    return release


def verify_promise(root: Path, trust: Trust) -> dict[str, Any]:
    """Return the release that the signed manifest promises; no other file has been looked at."""
    manifest = read_manifest(root)
    check_signature(root, trust.public_key)
    if trust.installed is not None:
        check_age(manifest["release"], trust.installed)
    return manifest["release"]


def is_current(source: Path, room: Room) -> bool:
    """Say whether the staged copy is of the same manifest as the source, or the source is gone and a copy is there."""
    staged = room.current / MANIFEST
    offered = source / MANIFEST
    if not staged.is_file():
        return False
    return not source.is_dir() or (offered.is_file() and offered.read_bytes() == staged.read_bytes())


def stage_bundle(source: Path, room: Room, trust: Trust, copy: Callable[..., object]) -> dict[str, Any]:
    """Copy the bundle, verify the copy and put it in place; return its release. On refusal the copy is removed.

    copy: `shutil.copyfile`, or `os.link` where the source is this role's own folder.
    """
    verify_promise(source, trust)
    try:
        check_space(source, room)
        copy_tree(source, room.incoming, copy)
        release = verify_bundle(room.incoming, trust)
    except BundleRefused:
        shutil.rmtree(room.incoming, ignore_errors=True)
        with contextlib.suppress(OSError):  # an earlier bundle lies there
            room.root.rmdir()
        raise
    promote(room)
    return release


def check_space(source: Path, room: Room) -> None:
    """Raise BundleRefused when the files would not fit beside what is on the disk."""
    room.root.mkdir(parents=True, exist_ok=True)
    needed = sum(facts.st_size for path, facts in find_files(source).items() if is_new(source, room.incoming, path))
    free = shutil.disk_usage(room.root).free
    if needed + SPARE > free:
        short = (needed + SPARE - free) // 1024**2 + 1
        raise BundleRefused(f"The bundle does not fit: {room.root} is short of {short} MiB; free them and run again.")


def copy_tree(source: Path, target: Path, copy: Callable[..., object]) -> None:
    """Make `target` hold the files of `source` and no others; a file of the same size and time is not copied again."""
    wanted = [*find_files(source), MANIFEST, SIGNATURE]
    for path in set(find_files(target)) - set(wanted):
        (target / path).unlink()
    for path in wanted:
        if is_new(source, target, path):
            copy_file(source / path, target / path, copy)


def is_new(source: Path, target: Path, path: str) -> bool:
    """Say whether a file has still to be copied."""
    offered, copied = source / path, target / path
    if not copied.exists() or not offered.is_file():
        return True
    one, other = offered.stat(), copied.stat()
    return (one.st_size, one.st_mtime_ns) != (other.st_size, other.st_mtime_ns)


def copy_file(source: Path, target: Path, copy: Callable[..., object]) -> None:
    """Copy one plain file with its times, by another name first, so that a cut leaves no half file in its place."""
    if source.is_symlink() or not source.is_file():
        raise BundleRefused(f"The bundle is refused: {source.name} is not a plain file; ask for a new medium.")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    copy(source, part)
    shutil.copystat(source, part)
    part.replace(target)


def promote(room: Room) -> None:
    """Put the verified copy in the place of the current one."""
    old = room.root / "old"
    shutil.rmtree(old, ignore_errors=True)
    if room.current.exists():
        Path(room.current).rename(old)
    Path(room.incoming).rename(room.current)
    shutil.rmtree(old, ignore_errors=True)

"""The manifest of a model that is a folder: its files with sizes and SHA-256, in a file of their own beside them.

What writes it reads every byte; what trusts it looks that each file is there with its size, and nothing else is.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

NAME = "airgate-manifest.json"
PROGRESS = "airgate-manifest.part"  # of a manifest that is being written
FORMAT = 1
BYTES_MAX = 64 * 1024 * 1024  # of a manifest
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class BadFolder(ValueError):
    """A folder that is not what its manifest says. sentence: why; hint: what to do."""

    def __init__(self, sentence: str, hint: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Entry:
    """One file. size: bytes. digest: "sha256:…"."""

    size: int
    digest: str


def render_manifest(entries: Mapping[str, Entry]) -> bytes:
    """Return the manifest's bytes; the same files give the same bytes."""
    files = [{"path": path, "size": entries[path].size, "digest": entries[path].digest} for path in sorted(entries)]
    return json.dumps({"format": FORMAT, "files": files}, separators=(",", ":"), sort_keys=True).encode() + b"\n"


def list_files(folder: Path) -> dict[str, os.stat_result]:
    """Return a folder's files by their path in it, without the manifest's own; BadFolder for a link or a device."""
    found: dict[str, os.stat_result] = {}
    for place, folders, files in os.walk(folder, onerror=_refuse):
        for name in (*folders, *files):
            path = Path(place, name)
            facts, inside = path.lstat(), path.relative_to(folder).as_posix()
            if stat.S_ISREG(facts.st_mode):
                found[inside] = facts
            elif not stat.S_ISDIR(facts.st_mode):
                raise BadFolder(
                    f"{inside} in {folder} is a link or a device, not a file.",
                    "Copy the folder with its links followed (cp -rL).",
                )
    return {path: facts for path, facts in found.items() if path not in (NAME, PROGRESS)}


def read_manifest(folder: Path) -> tuple[str, dict[str, Entry]]:
    """Return the manifest's own digest and its entries; BadFolder when there is none or it is none."""
    try:
        with (folder / NAME).open("rb") as file:
            content = file.read(BYTES_MAX + 1)
        files = json.loads(content)["files"] if len(content) <= BYTES_MAX else None
        entries = {_read_path(each["path"]): _read_entry(each) for each in files or ()}
    except OSError as why:
        raise BadFolder(
            f"{folder} has no {NAME} that can be read: {why.strerror}.", f"Write it: airgate-serve manifest {folder}"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise BadFolder(
            f"{folder / NAME} is not a manifest.", f"Write it anew: airgate-serve manifest {folder}"
        ) from None
    return f"sha256:{hashlib.sha256(content).hexdigest()}", entries


def judge_folder(folder: Path, digest: str) -> int:
    """Return the bytes of a folder that is as its manifest says, which has this digest; BadFolder otherwise."""
    found, entries = read_manifest(folder)
    if found != digest:
        raise BadFolder(
            f"The manifest of {folder} has another digest: {found}, not {digest}.",
            "Give the digest that airgate-serve manifest printed, or look who changed the folder.",
        )
    files = list_files(folder)
    for path, entry in entries.items():
        if path not in files:
            raise BadFolder(f"{path} is missing in {folder}.", "Copy the folder again.")
        if files[path].st_size != entry.size:
            raise BadFolder(
                f"{path} in {folder} has {files[path].st_size} bytes, its manifest says {entry.size}.",
                "Copy the folder again.",
            )
    strangers = sorted(set(files) - set(entries))
    if strangers:
        raise BadFolder(f"{strangers[0]} in {folder} is not in its manifest.", "Remove it, or write the manifest anew.")
    return sum(entry.size for entry in entries.values())


def _refuse(why: OSError) -> None:
    raise BadFolder(f"{why.filename} cannot be read: {why.strerror}.", "Give the folder of a model that can be read.")


def _read_path(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts:
        raise ValueError(path)
    return path


def _read_entry(value: Mapping[str, Any]) -> Entry:
    if not isinstance(value["size"], int) or not DIGEST.fullmatch(value["digest"]):
        raise ValueError(str(value))
    return Entry(value["size"], value["digest"])

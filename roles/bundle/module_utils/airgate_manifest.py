"""The bundle's manifest: what was signed, and whether a folder is exactly that.

The manifest names the release and every file of the bundle with its size and SHA-256 digest; the manifest and its
signature are the only files it does not name. Standard library only: this runs on the node.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from pathlib import Path, PurePosixPath
from typing import Any

MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
FORMAT = 1  # a reader refuses every other number
CHUNK = 1 << 20  # bytes read at a time
VERSION = re.compile(r"^\d+\.\d+\.\d+$")
AGAIN = "copy the bundle from the medium again, or ask for a new medium"


class BundleRefused(Exception):
    """One sentence: which file of the bundle is wrong, why, and what to do."""


def read_digest(path: Path) -> str:
    """Return the SHA-256 digest of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
    return digest.hexdigest()


def find_files(root: Path) -> dict[str, os.stat_result]:
    """Return every file under `root` but the manifest and its signature: relative POSIX path to its lstat, sorted."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            found[path.relative_to(root).as_posix()] = path.lstat()
        for link in (path for path in Path(folder).iterdir() if path.is_symlink()):
            found[link.relative_to(root).as_posix()] = link.lstat()
    return {path: found[path] for path in sorted(found) if path not in (MANIFEST, SIGNATURE)}


def describe_files(root: Path) -> list[dict[str, Any]]:
    """Return path, size in bytes and digest of every file under `root`, in the order of their paths."""
    return [
        {"path": path, "size": facts.st_size, "sha256": read_digest(root / path)}
        for path, facts in find_files(root).items()
    ]


def render_manifest(release: dict[str, Any], files: list[dict[str, Any]]) -> str:
    """Return the manifest's text: the same release and files give the same bytes."""
    content = {"format": FORMAT, "release": release, "files": files}
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def read_manifest(root: Path) -> dict[str, Any]:
    """Return the manifest of the bundle at `root`; raise BundleRefused when it is missing or of another format."""
    try:
        manifest = json.loads((root / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise refusal(MANIFEST, f"is not in {root}; point airgate_bundle_source at the folder that holds it") from None
    except (OSError, ValueError) as error:
        raise refusal(MANIFEST, f"cannot be read ({error}); {AGAIN}") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise refusal(MANIFEST, f"is not of format {FORMAT}; install with the playbooks of the bundle's own release")
    return manifest


def check_files(root: Path, files: list[dict[str, Any]]) -> None:
    """Raise BundleRefused at the first file under `root` that is missing, altered, too many or not a plain file."""
    present = find_files(root)
    for path in sorted(present.keys() - {entry["path"] for entry in files}):
        raise refusal(path, f"is in the folder but not in the signed manifest; remove it, or {AGAIN}")
    for entry in files:
        check_file(root, entry, present.get(entry["path"]))


def check_file(root: Path, entry: dict[str, Any], facts: os.stat_result | None) -> None:
    """Raise BundleRefused when one file is not what its manifest entry says."""
    path = entry["path"]
    if not is_inside(path):
        raise refusal(path, "points out of the bundle; ask for a new medium")
    if facts is None:
        raise refusal(path, f"is missing; {AGAIN}")
    if not stat.S_ISREG(facts.st_mode):
        raise refusal(path, f"is not a plain file; {AGAIN}")
    if facts.st_size != entry["size"]:
        raise refusal(path, f"has {facts.st_size} bytes where {entry['size']} were signed; {AGAIN}")
    if read_digest(root / path) != entry["sha256"]:
        raise refusal(path, f"is not what was signed, its SHA-256 digest differs; {AGAIN}")


def is_inside(path: str) -> bool:
    """Say whether a manifest's path stays in the bundle's folder."""
    parts = PurePosixPath(path).parts
    return bool(parts) and not path.startswith("/") and ".." not in parts


def check_age(release: dict[str, Any], installed: Path) -> None:
    """Raise BundleRefused when the release is older than the one recorded in the file `installed`."""
    if not installed.exists():
        return
    recorded = read_recorded(installed)
    if order_of(release["version"]) < order_of(recorded):
        raise refusal(
            MANIFEST,
            f"is of release {release['version']}, older than the installed {recorded}; take a newer bundle, "
            "or set airgate_bundle_allow_older: true when going back is wanted",
        )


def read_recorded(installed: Path) -> str:
    """Return the version in a record of the installed release; raise BundleRefused when it cannot be read."""
    try:
        return str(json.loads(installed.read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        raise BundleRefused(
            f"The bundle is refused: {installed} cannot be read, so nothing says whether this bundle is older than the "
            "installed one; set airgate_bundle_allow_older: true if it is the right one, which writes that file anew."
        ) from None


def order_of(version: str) -> tuple[int, ...]:
    """Return a version such as 1.12.0 as numbers that compare; raise BundleRefused for any other shape."""
    if not VERSION.match(version):
        raise refusal(MANIFEST, f"says version {version!r}, which is not three numbers such as 1.12.0")
    return tuple(int(part) for part in version.split("."))


def refusal(path: str, reason: str) -> BundleRefused:
    """Return the one sentence that every refusal of a bundle has."""
    return BundleRefused(f"The bundle is refused: {path} {reason}.")

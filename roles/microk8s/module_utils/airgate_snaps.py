"""Snaps by digest: which of the release's snaps the node has, which are to be installed, in which order, how.

snapd's own tools treat a newer local file of an installed snap as already installed; a digest does not.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ORDER = ("snapd", "core", "core22", "core24", "microk8s")  # a base comes before what stands on it
HOLDS_ONE_SNAP = (2, 58)  # from this snapd on, `snap refresh --hold` holds a single snap for ever
CHUNK = 1 << 20


class SnapRefused(Exception):
    """One sentence: which snap cannot be installed, why, and what to do."""


@dataclass(frozen=True)
class Snap:
    """One snap of the release: its file and, where there is one, its assertion, as paths on the node."""

    name: str
    file: str
    assertion: str  # empty: there is none
    sha256: str
    classic: bool


def read_snaps(locked: list[dict[str, Any]], bundle: Path) -> list[Snap]:
    """Return the release's snaps in the order of their installation."""
    snaps = [
        Snap(
            name=one["name"],
            file=str(bundle / one["file"]),
            assertion=str(bundle / one["assertion"]) if one["assertion"] else "",
            sha256=one["sha256"],
            classic=one["classic"],
        )
        for one in locked
    ]
    return sorted(snaps, key=lambda snap: ORDER.index(snap.name) if snap.name in ORDER else len(ORDER) - 1.5)


def find_installed(root: Path, name: str) -> str:
    """Return the SHA-256 digest of the file of a snap's current revision; empty when the snap is not installed."""
    try:
        revision = (root / "snap" / name / "current").readlink()
        with (root / "var/lib/snapd/snaps" / f"{name}_{revision}.snap").open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(CHUNK):
                digest.update(block)
    except OSError:
        return ""
    return digest.hexdigest()


def plan_installs(snaps: list[Snap], installed: dict[str, str]) -> list[Snap]:
    """Return the snaps whose installed file is another than the release's, in the same order."""
    return [snap for snap in snaps if installed.get(snap.name) != snap.sha256]


def plan_commands(snap: Snap, unasserted: bool) -> list[list[str]]:
    """Return the commands that install a snap; raise SnapRefused when nothing vouches for it."""
    if not snap.assertion and not unasserted:
        raise SnapRefused(
            f"The snap {snap.name} has no assertion in the bundle, so snapd cannot tell who made it; build the bundle "
            "with its .assert file, or set airgate_microk8s_unasserted: true for a snap that you made yourself."
        )
    acknowledge = [["snap", "ack", snap.assertion]] if snap.assertion else []
    trust = [] if snap.assertion else ["--dangerous"]
    confinement = ["--classic"] if snap.classic else []
    return [*acknowledge, ["snap", "install", *trust, *confinement, snap.file]]


def apply_commands(snap: Snap, commands: list[list[str]]) -> None:
    """Run the commands; raise SnapRefused with snapd's own words."""
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            words = " ".join(done.stderr.split())
            hint = " Build the bundle with the .assert file of this very snap: `snap download` gives both."
            raise SnapRefused(
                f"snapd does not take the snap {snap.name}: {words} (command: {' '.join(command)})."
                + (hint if snap.assertion else "")
            )


def read_snapd_version(text: str) -> tuple[int, int]:
    """Return the version in the output of `snap version`: (2, 57) for 2.57.6."""
    found = re.search(r"^snapd\s+(\d+)\.(\d+)", text, re.MULTILINE)
    return (int(found.group(1)), int(found.group(2))) if found else (0, 0)


def plan_hold(version: tuple[int, int], listed: str, name: str, until: str, hold: str) -> list[str]:
    """Return the command that keeps a snap at its revision; none when it is kept already.

    listed: the output of `snap list NAME`; until: the day that older snapds are given; hold: their present one.
    """
    if version >= HOLDS_ONE_SNAP:
        return [] if re.search(r"\bheld\b", listed) else ["snap", "refresh", "--hold=forever", name]
    return [] if hold == until else ["snap", "set", "system", f"refresh.hold={until}"]

"""systemd units that are masked: by somebody, or by us. Links in one folder, nothing else.

A mask is a link to /dev/null. Ours is spelled relative to the folder, so that undoing leaves the masks of others alone.
"""

from __future__ import annotations

import os
from pathlib import Path

NOWHERE = Path("/dev/null")


def find_masked(folder: Path, units: list[str]) -> list[str]:
    """Return those of the units that are masked by anybody in a folder such as /etc/systemd/system."""
    return [unit for unit in units if (folder / unit).is_symlink() and (folder / unit).resolve() == NOWHERE]


def find_ours(folder: Path, units: list[str]) -> list[str]:
    """Return those of the units that were masked here."""
    return [unit for unit in find_masked(folder, units) if (folder / unit).readlink() == spell_ours(folder)]


def spell_ours(folder: Path) -> Path:
    """Return /dev/null as our links spell it."""
    return Path(os.path.relpath(NOWHERE, folder))


def apply_masks(folder: Path, units: list[str]) -> list[str]:
    """Mask units, whether this system has them or not; a unit that a site wrote itself is set aside as .site."""
    for unit in units:
        path = folder / unit
        if path.exists() and not path.is_symlink():
            path.rename(path.with_name(unit + ".site"))
        path.unlink(missing_ok=True)
        path.symlink_to(spell_ours(folder))
    return units


def remove_masks(folder: Path, units: list[str]) -> list[str]:
    """Unmask units, and put back what was set aside."""
    for unit in units:
        path = folder / unit
        path.unlink()
        aside = path.with_name(unit + ".site")
        if aside.exists():
            aside.rename(path)
    return units

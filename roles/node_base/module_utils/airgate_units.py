"""systemd units that are masked: which have yet to be, which are no longer to be. Links in one folder, nothing else."""

from __future__ import annotations

from pathlib import Path

NOWHERE = Path("/dev/null")


def find_masked(folder: Path, units: list[str]) -> list[str]:
    """Return those of the units that are masked in a folder such as /etc/systemd/system."""
    return [unit for unit in units if (folder / unit).is_symlink() and (folder / unit).readlink() == NOWHERE]


def apply_masks(folder: Path, units: list[str]) -> None:
    """Mask units, whether this system has them or not; a unit that a site wrote itself is set aside as .site."""
    for unit in units:
        path = folder / unit
        if path.exists() and not path.is_symlink():
            path.rename(path.with_name(unit + ".site"))
        path.unlink(missing_ok=True)
        path.symlink_to(NOWHERE)


def remove_masks(folder: Path, units: list[str]) -> None:
    """Unmask units, and put back what was set aside."""
    for unit in units:
        path = folder / unit
        path.unlink()
        aside = path.with_name(unit + ".site")
        if aside.exists():
            aside.rename(path)

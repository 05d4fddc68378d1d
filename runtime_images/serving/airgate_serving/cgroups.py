"""Where the limits of this process's container are written: the folders of its cgroups, of version 2 and 1.

Docs: Linux `Documentation/admin-guide/cgroup-v2.rst` and `cgroup-v1/cgroups.rst`.
"""

from pathlib import Path


def list_groups(root: Path, controller: str = "") -> list[Path]:
    """Return the folders from the mount down to our group; inside a container the mount itself is our group.

    controller: one of version 1, such as cpu; version 2 has them all in one place.
    """
    top = root / "sys/fs/cgroup" / controller
    folder = top / _find_group(root, controller).lstrip("/")
    return [top, *(parent for parent in [folder, *folder.parents] if top in parent.parents)]


def read_text(path: Path) -> str:
    """Return what a file says, or nothing where there is none."""
    try:
        return path.read_text()
    except OSError:
        return ""


def _find_group(root: Path, controller: str) -> str:
    """Return our path in the hierarchy of a v1 controller, or in the unified one for an empty name."""
    for line in read_text(root / "proc/self/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        if controller in controllers.split(","):
            return group
    return "/"

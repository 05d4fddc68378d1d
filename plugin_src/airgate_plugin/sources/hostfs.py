"""Reads the host's files under a root, and only reads. Paths are given as the host names them, without the root."""

import errno
import os
from pathlib import Path

from airgate_plugin.model import NodeState

NOT_THERE = (errno.ENODEV, errno.ENXIO)  # the driver has a node, but no device answers behind it
PAGE_BYTES = 4096  # a file of sysfs is no longer; to have room for more costs three times the reading
SMALL_BYTES = 1_000_000  # an /etc/group of thousands of users


class HostFiles:
    """The files of one host: `root` is "/" on the host itself, "/host" in the plugin's container."""

    def __init__(self, root: Path) -> None:
        """Look below `root`."""
        self.root = root
        self._prefix = str(root).rstrip("/")

    def find_path(self, path: str) -> Path:
        """Return where the host's `path` lies for this process."""
        return self.root / path.lstrip("/")

    def name_path(self, path: str) -> str:
        """Return the same as text, for what is asked of every SoC at every look."""
        return f"{self._prefix}{path}"

    def read_text(self, path: str) -> str | None:
        """Return a small file's text without surrounding blanks; None where it cannot be read.

        Read without pathlib: a look reads a dozen files for each SoC, and this is where an idle plugin's time goes.
        """
        try:
            descriptor = os.open(f"{self._prefix}{path}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            content = os.read(descriptor, PAGE_BYTES)
            if len(content) == PAGE_BYTES:
                content += os.read(descriptor, SMALL_BYTES)
            return content.decode(errors="replace").strip()
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def read_long_text(self, path: str) -> str | None:
        """Return the text of a file of /proc, which may hand out a page at a time; None where it cannot be read."""
        try:
            return self.find_path(path).read_text(errors="replace")
        except OSError:
            return None

    def find_births(self, folder: str) -> dict[str, int]:
        """Return the names in a folder, sorted, each with its inode: where another device has the name, it is another.

        {} where the folder is absent. Raises OSError where it cannot be read. One listing tells it of all.
        """
        try:
            with os.scandir(f"{self._prefix}{folder}") as entries:
                return dict(sorted((entry.name, entry.inode()) for entry in entries))
        except (FileNotFoundError, NotADirectoryError):
            return {}

    def read_number(self, path: str, base: int = 10) -> int | None:
        """Return a file's whole number; None where it cannot be read or is none."""
        try:
            return int(self.read_text(path) or "", base)
        except ValueError:
            return None

    def find_names(self, folder: str) -> list[str]:
        """Return the sorted names in a folder, [] where it is absent. Raises OSError where it cannot be read."""
        try:
            return sorted(os.listdir(f"{self._prefix}{folder}"))  # noqa: PTH208 - as above
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read_link_name(self, path: str) -> str | None:
        """Return the last part of a link's target, without following it; None where it is no link."""
        try:
            return os.readlink(f"{self._prefix}{path}").rpartition("/")[2]  # noqa: PTH115 - as above
        except OSError:
            return None

    def read_node_state(self, path: str) -> NodeState:
        """Return what opening a device node says. Not being allowed to says nothing about the device."""
        try:
            os.close(os.open(f"{self._prefix}{path}", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))
        except FileNotFoundError:
            return NodeState.MISSING
        except OSError as why:
            return NodeState.OFFLINE if why.errno in NOT_THERE else NodeState.UNKNOWN
        return NodeState.OPENS

    def find_group_id(self, name: str) -> int | None:
        """Return the host's id of a group, from its /etc/group; None where it has none."""
        for line in (self.read_text("/etc/group") or "").splitlines():
            fields = line.split(":")
            if len(fields) >= 3 and fields[0] == name and fields[2].isdigit():
                return int(fields[2])
        return None

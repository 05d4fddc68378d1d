"""The sockets in the kubelet's folder: which file is which, and what ours is called."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from airgate_plugin.errors import CannotServe

KUBELET_SOCKET = "kubelet.sock"
NAME_MAX = 23  # what `kubelet_dir` was measured against: the kernel allows a socket's path 107 bytes


@dataclass(frozen=True, slots=True)
class SocketId:
    """Which file a socket is: a new one under the same name has another number or another birth."""

    inode: int
    changed_ns: int


def read_socket_id(path: Path) -> SocketId | None:
    """Return which socket lies at `path`; None where there is none. Raises CannotServe where it is something else."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISSOCK(found.st_mode):
        raise CannotServe(f"{path} is not a socket", "remove it; the kubelet and the plugin make theirs anew")
    return SocketId(found.st_ino, found.st_ctime_ns)


def name_endpoint(resource: str) -> str:
    """Return the file name of a resource's socket; a site's long name is shortened to a digest."""
    plain = resource.replace("/", "_")
    short = plain if len(plain) <= NAME_MAX else hashlib.sha256(plain.encode()).hexdigest()[:NAME_MAX]
    return f"airgate-{short}.sock"

"""The trial's one port: refused with the name of who has it, before anything is started or written."""

import pwd
import socket
import textwrap
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from airgate_trial.errors import TrialError

PROC = Path("/proc")
LISTENS = "0A"  # the state of a listening socket in /proc/net/tcp
# Local addresses there that stand in the way of 127.0.0.1: itself, every address, and both in IPv6.
IN_THE_WAY = ("0100007F", "0" * 8, "0" * 32, "0" * 16 + "FFFF00000100007F")
SHOWN = 90  # characters of a command line


def judge_port(port: int) -> None:
    """Raise TrialError, naming who listens on the port and a free one, when it is taken."""
    if is_free(port):
        return
    free = next(other for other in count(port + 1 if port < 65535 else 1024) if is_free(other))
    raise TrialError(
        "port_in_use",
        f"Port {port} on this machine is taken by {find_holder(port)}.",
        f"End that, or choose another port: AIRGATE_PORT={free} make trial",
    )


def is_free(port: int) -> bool:
    """Return whether a server could listen on this port of loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def find_holder(port: int) -> str:
    """Return who listens on a port: the process and its command line, or whose it is when we may not look at it."""
    for user, inode in find_sockets(port):
        for process in PROC.glob("[0-9]*"):
            if holds(process, inode):
                return f"process {process.name} ({read_command(process)})"
        return f"a program of the user {find_name(user)}"
    return "another program"


def find_sockets(port: int) -> Iterator[tuple[int, str]]:
    """Yield user id and inode of each socket that listens on a port of loopback."""
    for table in ("tcp", "tcp6"):
        for line in (PROC / "net" / table).read_text().splitlines()[1:] if (PROC / "net" / table).exists() else ():
            _, local, _, state, _, _, _, user, _, inode, *_ = line.split()
            address, number = local.split(":")
            if state == LISTENS and int(number, 16) == port and address in IN_THE_WAY:
                yield int(user), inode


def holds(process: Path, inode: str) -> bool:
    """Return whether a process has a socket open; False when it is gone or somebody else's."""
    try:
        return any(str(entry.readlink()) == f"socket:[{inode}]" for entry in (process / "fd").iterdir())
    except OSError:
        return False


def read_command(process: Path) -> str:
    """Return a process's command line, with the program by its name alone and no longer than one line."""
    try:
        program, *rest = (process / "cmdline").read_text(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return "which has just ended"
    return textwrap.shorten(" ".join([Path(program).name, *rest]), SHOWN, placeholder=" …")


def find_name(user: int) -> str:
    """Return a user's name, or the number when it has none."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return str(user)

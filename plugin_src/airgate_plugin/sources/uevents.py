"""The kernel's own messages about devices (uevents): what lets a fault be seen in milliseconds.

They come over a netlink socket, which needs no privilege and no inotify (which does not work on sysfs). A simulated
host has no kernel: there a datagram socket in a folder stands in, and whoever simulates writes to it.
"""

import logging
import os
import select
import socket
from pathlib import Path

log = logging.getLogger("airgate_plugin.uevents")

NETLINK_KOBJECT_UEVENT = 15
FROM_KERNEL = 1  # the multicast group; group 2 is udev's
MESSAGE_MAX = 8192  # bytes; the kernel's own limit is 2048
SUBSYSTEMS = (b"accel", b"pci", b"mhi")


class Uevents:
    """Waits for messages that concern cards. Made by `listen`; closed by `end`."""

    def __init__(self, messages: socket.socket) -> None:
        """Read from a bound datagram socket."""
        self._messages = messages
        self._reader, self._writer = os.pipe()

    def wait(self) -> bool:
        """Block until a card may have changed; False once `end` was called."""
        while True:
            ready, _, _ = select.select([self._messages.fileno(), self._reader], [], [])
            if self._reader in ready:
                return False
            if concerns_cards(self._read()):
                return True

    def end(self) -> None:
        """Let `wait` return; called once, from another thread."""
        os.write(self._writer, b".")

    def close(self) -> None:
        """Give the descriptors back; only after `wait` returned False."""
        self._messages.close()
        os.close(self._reader)
        os.close(self._writer)

    def _read(self) -> bytes:
        try:
            return self._messages.recv(MESSAGE_MAX)
        except OSError:  # more messages than the socket holds: some were lost, so look
            return b"overrun\0SUBSYSTEM=pci\0"


def concerns_cards(message: bytes) -> bool:
    """Return whether a uevent (ACTION@PATH, then KEY=VALUE, each ended by NUL) is of a subsystem with cards."""
    values = [part[10:] for part in message.split(b"\0") if part.startswith(b"SUBSYSTEM=")]
    return any(value in SUBSYSTEMS or b"qaic" in value for value in values)


def listen(where: str) -> Uevents | None:
    """Return the messages of the "kernel", or of a datagram socket made at a path; None where they cannot be had.

    Without them all is found by looking once in a period, so their lack is a warning and no error.
    """
    try:
        return Uevents(_open_kernel() if where == "kernel" else _open_path(Path(where)))
    except OSError as why:
        fields = {"where": where, "why": why.strerror or str(why)}
        log.warning("no uevents: changes are found by looking once in a period", extra={"fields": fields})
        return None


def _open_kernel() -> socket.socket:
    messages = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT)
    messages.bind((0, FROM_KERNEL))
    return messages


def _open_path(path: Path) -> socket.socket:
    if path.is_socket():
        path.unlink()
    messages = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    messages.bind(str(path))
    return messages

"""Loopback ports for replicas: below the kernel's ephemeral range, so that no outgoing connection takes one away."""

import socket
import zlib
from collections.abc import Iterator

from airgate_web.adapters.cluster_local.shelf import Ports

FIRST, LAST = 21000, 31999


def find_ports(seed: str, taken: set[int]) -> Ports:
    """Return three ports that nobody listens on and that are not in `taken`.

    seed: where to begin, so that two homes on one machine seldom try the same ones at once.
    """
    free = find_free(zlib.crc32(seed.encode()), taken)
    return Ports(http=next(free), grpc=next(free), admin=next(free))


def find_free(start: int, taken: set[int]) -> Iterator[int]:
    """Yield free ports, from `start` on and around; raise OSError when there is none left."""
    count = LAST - FIRST + 1
    for step in range(count):
        port = FIRST + (start + step) % count
        if port not in taken and is_free(port):
            yield port
    raise OSError(f"no free port from {FIRST} to {LAST}")


def is_free(port: int) -> bool:
    """Say whether nobody listens on a loopback port."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def are_free(ports: Ports) -> bool:
    """Say whether all three are."""
    return all(is_free(port) for port in (ports.http, ports.grpc, ports.admin))

"""HTTP servers in our loop, each on a socket that is bound already.

A socket of ours (instead of an address for the server) makes a taken port an error, lets port 0 be asked for, and
allows the sandbox to forbid new sockets before a model is opened.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime

from airgate_serving.errors import BadConfiguration
from airgate_serving.rest.connection import Connection
from airgate_serving.rest.door import Door

BACKLOG = 1024
LOOK_SECONDS = 15.0  # between two looks for requests that do not come on
LEAVE_SECONDS = 2.0  # for clients to read their last answers when a server stops
STOP_PAUSE = 0.005  # seconds between two looks at whether all connections have ended


def bind_port(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes any free one. Raises BadConfiguration when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise BadConfiguration(
            f"Cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}.",
            "Choose another port (--http-port, --grpc-port, --admin-port), or stop what uses this one.",
        ) from error


class HttpServer:
    """A door that is open: from `start` to `stop`."""

    def __init__(self, bound: socket.socket, door: Door, now: Callable[[], datetime]) -> None:
        """Serve `door` on a socket from `bind_port`, which then belongs to the server; answers are dated by `now`."""
        self.port = int(bound.getsockname()[1])
        self._bound, self._door, self._now = bound, door, now
        self._connections: set[Connection] = set()
        self._date, self._second = b"", -1
        self._server: asyncio.Server | None = None
        self._look: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Begin to serve in the running loop."""
        self._loop = asyncio.get_running_loop()
        self._server = await self._loop.create_server(self._connect, sock=self._bound, backlog=BACKLOG)
        self._look_around()

    async def stop(self) -> None:
        """Finish the requests that are inside, close the connections, and return when all is closed."""
        if self._server is None or self._look is None:
            return
        self._look.cancel()
        self._server.close()
        for connection in list(self._connections):
            connection.finish()
        while any(connection.is_busy() for connection in self._connections):
            await asyncio.sleep(STOP_PAUSE)
        await self._await_leaving()

    async def _await_leaving(self) -> None:
        """Let clients read their last answers, and drop the ones that do not."""
        end = self._loop.time() + LEAVE_SECONDS
        while self._connections and self._loop.time() < end:
            await asyncio.sleep(STOP_PAUSE)
        for connection in list(self._connections):
            connection.drop()
        await asyncio.sleep(0)

    def _connect(self) -> Connection:
        return Connection(self._door, self._connections, self._find_date, self._loop)

    def _find_date(self) -> bytes:
        """Return the time of day as HTTP has it; made once a second."""
        second = int(self._loop.time())
        if second != self._second:
            self._second, self._date = second, format_datetime(self._now(), usegmt=True).encode()
        return self._date

    def _look_around(self) -> None:
        """Drop the connections on which a request has been coming for too long."""
        for connection in list(self._connections):
            connection.look_for_progress()
        self._look = self._loop.call_later(LOOK_SECONDS, self._look_around)

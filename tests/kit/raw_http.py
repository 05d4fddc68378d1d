"""A client of HTTP/1.1 that costs little: for hundreds of callers beside a server on the same two cores.

It keeps connections, never tries a request again, and knows of answers only what a server of ours sends.
"""

import asyncio
import json
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

IDLE_S = 10.0  # a server of ours lets go of an idle connection after thirty


class NotAnswered(Exception):
    """The other side closed the connection. `begun`: in the middle of an answer."""

    def __init__(self, begun: bool) -> None:
        super().__init__("the connection was closed " + ("in the middle of an answer" if begun else "without a word"))
        self.begun = begun


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer. headers: by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Connections:
    """Connections to one server of this machine; each has one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[float, Connection]] = []  # and since when

    async def post(self, path: str, body: Any) -> Answered:
        """Send JSON over a connection that is idle, or a new one. Raises OSError and NotAnswered."""
        connection = self._take() or await asyncio.open_connection("127.0.0.1", self._port)
        try:
            answer = await exchange(connection, path, json.dumps(body).encode())
        except BaseException:
            connection[1].close()
            raise
        if answer.headers.get("connection") == "close":
            connection[1].close()
        else:
            self._idle.append((time.monotonic(), connection))
        return answer

    def _take(self) -> Connection | None:
        """Return the connection that was used last, unless that was long ago."""
        while self._idle:
            since, connection = self._idle.pop()
            if time.monotonic() - since < IDLE_S:
                return connection
            connection[1].close()
        return None

    def close(self) -> None:
        """Close those that are idle."""
        while self._idle:
            self._idle.pop()[1][1].close()


async def exchange(connection: Connection, path: str, content: bytes) -> Answered:
    """Send one request and return its answer. Raises OSError and NotAnswered."""
    reader, writer = connection
    lines = (f"POST {path} HTTP/1.1", "host: x", "content-type: application/json", f"content-length: {len(content)}")
    writer.write("\r\n".join((*lines, "", "")).encode() + content)
    status, headers = read_head(await read(reader.readuntil(b"\r\n\r\n"), begun=False))
    return Answered(status, headers, await read(reader.readexactly(int(headers["content-length"])), begun=True))


async def read(part: Coroutine[Any, Any, bytes], begun: bool) -> bytes:
    """Return the next part of an answer, which has begun or not. Raises OSError and NotAnswered."""
    try:
        return await part
    except asyncio.IncompleteReadError as error:
        raise NotAnswered(begun or bool(error.partial)) from error


def read_head(head: bytes) -> tuple[int, dict[str, str]]:
    """Return the status and the headers of what comes before an answer's body."""
    first, *lines = head.decode().strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(first.split()[1]), {name.lower(): value for name, value in headers.items()}

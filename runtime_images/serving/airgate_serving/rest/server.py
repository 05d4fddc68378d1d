"""The only file that knows the HTTP server: granian, embedded in our loop, on a socket that is bound already.

A socket of ours (instead of an address for granian) makes a taken port an error, lets port 0 be asked for, and allows
the sandbox to forbid new sockets before a model is opened.
"""

import asyncio
import hmac
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from granian.constants import HTTPModes
from granian.net import SocketHolder  # type: ignore[attr-defined]
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]
from granian.server.embed import Server

from airgate_kit import logs
from airgate_kit.names import HEADER_GATE, HEADER_REQUEST_ID
from airgate_serving.engine.seen import Seen, Watch
from airgate_serving.engine.trace import Follow, Trace
from airgate_serving.errors import BadConfiguration, BodyTooLarge, GateClosed, ServingError
from airgate_serving.rest.failures import Answer, explain_error

BACKLOG = 1024
LONGEST_ID = 128  # characters of a request id that is echoed
BROKEN = ServingError("The runtime failed.", "Its log says more under the request id.")
log = logs.get("airgate_serving.rest")


class Request(msgspec.Struct, frozen=True):
    """A request with its whole body. `headers.get(name)` takes a lower-case name."""

    verb: str
    path: str
    headers: Any
    body: bytes
    trace: Trace | None = None


Handler = Callable[[Request], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class DoorRules:
    """What a door asks of everyone: a secret (empty: none) and a size; and what it says to everyone."""

    gate_secret: str = ""
    most_bytes: int = 64 * 1024 * 1024
    name_file: Callable[[str], tuple[tuple[str, str], ...]] = (
        lambda _: ()
    )  # headers that say which file answers at a path
    id_prefix: str = "local"  # of request ids that are made here
    watch: Watch | None = None  # is told of every answer
    follow: Follow | None = None  # is asked whether to follow a request
    monotonic: Callable[[], float] = float  # asked only where somebody watches


@dataclass(slots=True)
class Door:
    """Everything between granian and a handler. `closing` asks clients to take their next request elsewhere."""

    handler: Handler
    rules: DoorRules
    closing: bool = False
    counter: int = field(default=0)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request; granian's own entry point."""
        headers, rules = scope.headers, self.rules
        begin, body, named, code = rules.monotonic(), b"", None, ""
        trace = rules.follow(scope.path, headers.get) if rules.follow is not None else None
        request_id = headers.get(HEADER_REQUEST_ID) or self._make_id()
        try:
            self._check_gate(headers)
            body = await self._read_body(scope, protocol)
            named = rules.name_file(scope.path)  # in the turn of the loop in which the request gets to the model
            answer = await self.handler(Request(scope.method, scope.path, headers, body, trace))
        except ServingError as error:
            answer, code = explain_error(error), error.code
        except Exception:
            log.exception("a request broke the runtime", extra={"fields": {"path": scope.path, "id": request_id}})
            answer, code = explain_error(BROKEN), BROKEN.code
        named = rules.name_file(scope.path) if named is None else named
        self._send(protocol, answer, named, request_id)
        if rules.watch:
            what, seconds = f"{scope.method} {scope.path}", rules.monotonic() - begin
            rules.watch(Seen("http", what, answer.status, request_id, seconds, lambda: body, "", code, trace))

    def _make_id(self) -> str:
        self.counter += 1
        return f"{self.rules.id_prefix}-{self.counter:x}"

    def _check_gate(self, headers: Any) -> None:
        secret = self.rules.gate_secret
        if secret and not hmac.compare_digest(headers.get(HEADER_GATE, "").encode(), secret.encode()):
            raise GateClosed(
                "This runtime answers only what comes through the gateway.", "Call the deployment's endpoint there."
            )

    async def _read_body(self, scope: Any, protocol: Any) -> bytes:
        if scope.method == "GET":
            return b""
        length = scope.headers.get("content-length")
        if length is None:
            return await self._read_chunks(protocol)
        if int(length) > self.rules.most_bytes:
            raise _explain_size(self.rules.most_bytes)
        body: bytes = await protocol()
        return body

    async def _read_chunks(self, protocol: Any) -> bytes:
        """Read a body that does not announce its length, up to the limit."""
        chunks, size = [], 0
        async for chunk in protocol:
            size += len(chunk)
            if size > self.rules.most_bytes:
                raise _explain_size(self.rules.most_bytes)
            chunks.append(chunk)
        return b"".join(chunks)

    def _send(self, protocol: Any, answer: Answer, named: tuple[tuple[str, str], ...], request_id: str) -> None:
        headers = [
            ("content-type", answer.content_type),
            (HEADER_REQUEST_ID, request_id[:LONGEST_ID]),
            *named,
            *answer.headers,
        ]
        if self.closing:
            headers.append(("connection", "close"))
        try:
            protocol.response_bytes(answer.status, headers, answer.body)
        except ProtocolClosed:
            log.debug("a client went away before its answer")


def _explain_size(most: int) -> BodyTooLarge:
    return BodyTooLarge(f"The body is over the limit of {most} bytes.", "Send fewer rows, or raise --max-body-mib.")


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


class _BoundServer(Server):
    """granian's embeddable server on our socket instead of an address."""

    def __init__(self, bound: socket.socket, target: Door) -> None:
        super().__init__(target, http=HTTPModes.http1, websockets=False, log_enabled=False, backlog=BACKLOG)
        self._bound = bound

    def _init_shared_socket(self) -> None:
        self._shd: Any = SocketHolder(self._bound.detach(), False, BACKLOG)  # type: ignore[call-arg]


class HttpServer:
    """A door that is open: from `start` to `stop`."""

    def __init__(self, bound: socket.socket, door: Door) -> None:
        """Serve `door` on a socket from `bind_port`, which then belongs to the server."""
        self.port = int(bound.getsockname()[1])
        self._server = _BoundServer(bound, door)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to serve in the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._server.serve())

    async def stop(self) -> None:
        """Finish the requests that are inside, close the connections, and return when all is closed."""
        if self._task:
            self._server.stop()  # type: ignore[no-untyped-call]
            await self._task

"""One connection of a client, and the only file that knows HTTP/1.1: bytes to requests by llhttp, answers to bytes.

Requests of one connection are answered one after the other, in their order. A refusal by the head alone is said at
once; what the client still sends of that request is thrown away, and the connection ends.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import cast

import httptools

from airgate_serving.errors import BadRequest, ServingError
from airgate_serving.rest.door import Door, Exchange, Pairs
from airgate_serving.rest.failures import Answer
from airgate_serving.rest.heads import Headers, read_path, write_head, write_request_head

MOST_HEAD_BYTES = 64 * 1024
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
REST = b"%bcontent-length: %d\r\nx-request-id: %b\r\ndate: %b\r\n\r\n%b"
HINT_HTTP = "Send HTTP/1.1, as curl does."


class Connection(asyncio.Protocol):
    """Lives on the loop's thread, from `connection_made` to `connection_lost`."""

    def __init__(
        self, door: Door, everyone: "set[Connection]", find_date: Callable[[], bytes], loop: asyncio.AbstractEventLoop
    ) -> None:
        """Take requests to `door`; be one of `everyone` while it lives."""
        self._door, self._everyone, self._find_date, self._loop = door, everyone, find_date, loop
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._waiting: deque[tuple[Exchange, bool]] = deque()  # with whether the connection is kept after it
        self._chunks: list[bytes] = []
        self._headers = Headers()
        self._target = b""
        self._coming: Exchange | None = None  # whose head is there
        self._size = self._head_bytes = 0
        self._goes_on = False  # a head, from bytes before the last
        self._task: asyncio.Task[None] | None = None  # the last that answered: the loop itself holds tasks weakly
        self._answered: Exchange | None = None  # the one that is being answered
        self._deaf = self._full = self._paused = self._ending = self._keep = False
        self._busy = self._halfway = self._stale = self._ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._everyone.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        """End: what waits is dropped, what runs is run, and its answer goes nowhere."""
        self._everyone.discard(self)
        self._waiting.clear()
        self._deaf = self._ending = self._ended = True

    def data_received(self, data: bytes) -> None:
        """Take bytes. Whoever sends a next request before the last is answered is not read until then."""
        if self._deaf:
            return
        rest = self._feed(data)
        while rest and not self._deaf:
            rest = self._feed(rest)
        if self._halfway:
            self._look_halfway(len(data))
        if self._waiting and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """Begin no next request: the client does not read."""
        self._full = True

    def resume_writing(self) -> None:
        """Go on."""
        self._full = False
        self._begin_next()

    # What follows to `on_message_complete` is called by the parser.

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._headers, self._target, self._chunks = Headers(), b"", []
        self._coming, self._size, self._head_bytes, self._goes_on = None, 0, 0, False
        self._halfway, self._stale = True, False

    def on_url(self, target: bytes) -> None:
        """Take the request's target, or a part of it."""
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header; what comes after the body says nothing."""
        if self._coming is None:
            self._headers.raw.setdefault(name.lower(), value)

    def on_headers_complete(self) -> None:
        """Open the door, or know by now why it stays shut."""
        head = self._parser.get_method().decode(), read_path(self._target), self._headers
        self._coming = self._door.open(head, self._reply)
        if b"expect" in self._headers.raw and self._coming.refusal is None and not self._busy:
            self._transport.write(CONTINUE)

    def on_body(self, chunk: bytes) -> None:
        """Take a part of the body, unless it is not wanted."""
        coming = cast(Exchange, self._coming)
        if coming.refusal is not None:
            return
        self._stale = False
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > self._door.rules.most_bytes:
            coming.refusal, self._chunks = self._door.explain_size(), []

    def on_message_complete(self) -> None:
        """Have the request answered, now or when those before it are."""
        if self._parser.should_upgrade():
            return  # for the parser it has no body then: `data_received` hears of it next
        self._halfway = False
        coming, chunks = cast(Exchange, self._coming), self._chunks
        coming.body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._waiting.append((coming, self._parser.should_keep_alive()))
        self._begin_next()

    def finish(self) -> None:
        """End when what is inside has been answered."""
        self._ending = True
        if not self._busy:
            self._close()

    def is_busy(self) -> bool:
        """Return whether a request is being answered."""
        return self._busy

    def drop(self) -> None:
        """End at once."""
        self._transport.abort()

    def look_for_progress(self) -> None:
        """End where a request, or the client's own end, has been due since the last look and has not come on."""
        if (self._halfway or self._deaf) and self._stale and not self._busy:
            self._transport.abort()
        self._stale = True

    def _feed(self, data: bytes) -> bytes:
        """Have the parser read; return what it is to read again."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(BadRequest(f"This is not a request of HTTP/1.1: {error}.", HINT_HTTP))
        return b""

    def _ignore_upgrade(self, rest: bytes) -> bytes:
        """Return a request that wishes for another protocol, as Java's client does for HTTP/2, without the wish."""
        method, version = self._parser.get_method(), self._parser.get_http_version()
        if method == b"CONNECT":
            self._refuse(BadRequest("This is no proxy.", HINT_HTTP))
            return b""
        self._parser = httptools.HttpRequestParser(self)
        return write_request_head(method, self._target, version, self._headers) + rest

    def _look_halfway(self, size: int) -> None:
        """Refuse the request that is coming where that is known by now."""
        if self._coming is None:
            self._head_bytes += size if self._goes_on else 0  # the first bytes may be of the requests before it
            self._goes_on = True
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refuse(BadRequest(f"The request's head is over the limit of {MOST_HEAD_BYTES} bytes."))
        elif self._coming.refusal is not None:
            self._refuse(self._coming.refusal)

    def _refuse(self, refusal: ServingError) -> None:
        """Answer the request that is coming without the rest of it, then end."""
        self._deaf, self._halfway = True, False
        coming = self._coming or self._door.open(("", "", Headers()), self._reply)
        coming.refusal = refusal
        self._waiting.append((coming, False))
        self._begin_next()

    def _begin_next(self) -> None:
        """Have the next request answered, unless one is being answered or the client does not read."""
        if self._busy or self._full or self._ended:
            return
        if self._waiting:
            self._answered, self._keep = self._waiting.popleft()
            self._busy = True
            self._task = self._door.take(self._answered)
        elif self._paused:
            self._paused = self._stale = False
            self._transport.resume_reading()

    def _reply(self, answer: Answer, named: Pairs, request_id: str) -> None:
        """Write an answer and go on with the next request."""
        self._busy = False
        keep = self._keep and not (self._door.closing or self._ending)
        if not self._transport.is_closing():
            head = write_head(answer.status, answer.content_type, (*named, *answer.headers), keep)
            size, known_as, date = len(answer.body), request_id.encode("latin-1", "replace"), self._find_date()
            body = b"" if cast(Exchange, self._answered).verb == "HEAD" else answer.body
            self._transport.write(REST % (head, size, known_as, date, body))
        if not keep:
            self._close()
        elif self._waiting or self._paused:
            self._loop.call_soon(self._begin_next)  # not here: many in a row would be answered within each other

    def _close(self) -> None:
        """End; a client that may still be sending is heard out first, for else it would never read its answer."""
        sending, self._deaf, self._stale = self._deaf or self._paused, True, False
        self._ended = True
        self._waiting.clear()
        if not sending or self._transport.is_closing():
            self._transport.close()
            return
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        self._transport.write_eof()

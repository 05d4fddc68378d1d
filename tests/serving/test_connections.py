"""HTTP/1.1 as clients really send it, well or badly: on real sockets, before a door that answers what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airgate_serving.engine.seen import Seen
from airgate_serving.engine.trace import Trace
from airgate_serving.rest.connection import Connection
from airgate_serving.rest.door import Door, DoorRules, Exchange, Request
from airgate_serving.rest.failures import Answer, write_json
from airgate_serving.rest.server import HttpServer, bind_port

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
RULES = DoorRules(most_bytes=1000, name_file=lambda _: (("x-airgate-model-digest", "sha256:abc"),))
Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def echo(request: Request) -> Answer:
    """Answer what was asked."""
    return write_json({"verb": request.verb, "path": request.path, "body": request.body.decode()})


@asynccontextmanager
async def serve(handler: Any = echo, rules: DoorRules = RULES, quick: Any = None) -> AsyncIterator[HttpServer]:
    """Serve a door on a free port."""
    server = HttpServer(bind_port("127.0.0.1", 0), Door(handler, rules, quick or {}), lambda: NOON)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def call(server: HttpServer, content: bytes = b"") -> AsyncIterator[Client]:
    """Connect, and send bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(content)
        yield reader, writer
    finally:
        writer.close()


async def read_answer(reader: asyncio.StreamReader, has_body: bool = True) -> tuple[int, dict[str, str], Any]:
    """Return the status, headers and JSON of the next answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in head[1:] if line)
    size = int(headers.get("content-length", 0)) if has_body else 0
    return int(head[0].split()[1]), headers, orjson.loads(await reader.readexactly(size) or b"null")


async def wait_for(condition: Callable[[], object]) -> None:
    """Let the loop turn until something is true."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


def make(body: bytes = b"hello", path: str = "/x", head: str = "") -> bytes:
    """Return a POST."""
    return f"POST {path} HTTP/1.1\r\nhost: a\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body


@pytest.mark.asyncio
async def test_an_answer_names_request_file_and_time() -> None:
    """Whoever keeps an answer can tell what it belongs to."""
    async with serve() as server, call(server, make(head="x-request-id: 7\r\n")) as (reader, _):
        status, headers, body = await read_answer(reader)
        assert (status, body) == (200, {"verb": "POST", "path": "/x", "body": "hello"})
        assert headers == {
            "content-type": "application/json",
            "x-airgate-model-digest": "sha256:abc",
            "content-length": "42",
            "x-request-id": "7",
            "date": "Mon, 30 Nov 2026 12:00:00 GMT",
        }


@pytest.mark.asyncio
async def test_requests_sent_at_once_are_answered_in_their_order() -> None:
    """A client may send the next request before it has its answer, even where the first one takes longer."""

    async def slow(request: Request) -> Answer:
        await asyncio.sleep(0.01 if request.path == "/0" else 0)
        return await echo(request)

    sent = b"".join(make(path=f"/{number}") for number in range(500))
    async with serve(slow) as server, call(server, sent) as (reader, _):
        paths = [(await read_answer(reader))[2]["path"] for _ in range(500)]
        assert paths == [f"/{number}" for number in range(500)]


@pytest.mark.asyncio
async def test_a_request_may_come_byte_by_byte() -> None:
    """Networks cut where they like."""
    async with serve() as server, call(server) as (reader, writer):
        for byte in make(path="/a?b=c"):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        assert (await read_answer(reader))[2] == {"verb": "POST", "path": "/a", "body": "hello"}


@pytest.mark.asyncio
async def test_a_body_may_come_in_chunks_and_what_follows_it_says_nothing() -> None:
    """A trailer is not a header: nobody gets past the gate with one, or gives a request another id."""
    chunks = b"POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n"
    async with serve() as server, call(server, chunks + b"x-request-id: late\r\n\r\n" + make(b"")) as (reader, _):
        _, headers, body = await read_answer(reader)
        assert body["body"] == "hello" and headers["x-request-id"] == "local-1"
        assert (await read_answer(reader))[2]["body"] == ""


@pytest.mark.asyncio
async def test_a_client_that_asks_whether_to_send_is_told_to() -> None:
    """curl asks before it sends a large body."""
    head = b"POST /x HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n"
    async with serve() as server, call(server, head) as (reader, writer):
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hello")
        assert (await read_answer(reader))[2]["body"] == "hello"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("head", "rules", "status"),
    [
        ("content-length: 1001\r\n", RULES, 413),
        ("content-length: 9\r\n", DoorRules("secret"), 403),
        ("content-length: 9\r\nx-airgate-gate: secreT\r\n", DoorRules("secret"), 403),
    ],
)
async def test_who_is_refused_by_the_head_need_not_send_the_body(head: str, rules: DoorRules, status: int) -> None:
    """The answer comes at once, nothing of the body is kept, and the connection ends."""
    sent = f"POST /x HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n{head}\r\n".encode()
    async with serve(rules=rules) as server, call(server, sent) as (reader, writer):
        found, headers, _ = await read_answer(reader)
        assert found == status and headers["connection"] == "close"
        writer.write(b"x" * 100_000)
        assert await reader.read() == b""


@pytest.mark.asyncio
async def test_a_chunked_body_over_the_limit_is_refused_while_it_comes() -> None:
    """A body that does not say its length is stopped where the limit is."""
    head = b"POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
    async with serve() as server, call(server, head + b"3e8\r\n" + b"x" * 1000 + b"\r\n1\r\nx\r\n") as (reader, _):
        assert (await read_answer(reader))[0] == 413
        assert await reader.read() == b""


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: -5\r\n\r\nhello",
        b"POST /x HTTP/1.1\r\nhost: a\r\nx-request-id: a\x00b\r\n\r\n",
        b"GET /" + b"x" * 1024 * 1024,
    ],
)
async def test_what_is_not_a_request_is_refused_with_a_sentence_and_the_connection_ends(sent: bytes) -> None:
    """Also what two servers could read in two ways: nobody hides a second request in a first."""
    async with serve() as server, call(server, sent) as (reader, _):
        status, _, body = await read_answer(reader)
        assert status == 400 and body["code"] == "bad-request" and body["error"].endswith(".")
        assert await reader.read() == b""


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "sent",
    [
        b"GET /x HTTP/1.0\r\n\r\n",
        b"GET /x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
        b"GET http://a/x?y HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    ],
)
async def test_a_connection_that_is_not_to_be_kept_ends_with_its_answer(sent: bytes) -> None:
    """Old clients, polite ones, and those who take us for a proxy."""
    async with serve() as server, call(server, sent) as (reader, _):
        status, headers, body = await read_answer(reader)
        assert (status, body["path"], headers["connection"]) == (200, "/x", "close")
        assert await reader.read() == b""


@pytest.mark.asyncio
async def test_a_wish_for_another_protocol_is_passed_over() -> None:
    """Java's own client wishes for HTTP/2 with every request, and sends its body at once, or when it is told to."""
    wish = "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"
    async with serve() as server, call(server, make(head=wish) * 999 + make(b"bye")) as (reader, writer):
        assert {(await read_answer(reader))[2]["body"] for _ in range(999)} == {"hello"}
        assert (await read_answer(reader))[2]["body"] == "bye"
        writer.write(make(head=wish + "expect: 100-continue\r\n")[:-5])
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hello" + make(b"bye"))
        assert [(await read_answer(reader))[2]["body"] for _ in range(2)] == ["hello", "bye"]


@pytest.mark.asyncio
async def test_a_head_is_asked_for_without_a_body() -> None:
    """HEAD has the length of what GET would answer, and the next answer follows at once."""
    sent = b"HEAD /x HTTP/1.1\r\nhost: a\r\n\r\nGET /y HTTP/1.1\r\nhost: a\r\n\r\n"
    async with serve() as server, call(server, sent) as (reader, _):
        _, headers, _ = await read_answer(reader, has_body=False)
        assert int(headers["content-length"]) > 0
        assert (await read_answer(reader))[2]["path"] == "/y"


@pytest.mark.asyncio
async def test_whoever_does_not_read_is_not_worked_for() -> None:
    """Answers do not pile up in memory for a client that asks and asks and takes none of them."""
    asked = []

    async def large(request: Request) -> Answer:
        asked.append(request.path)
        return Answer(200, orjson.dumps("x" * 1_000_000))

    async with serve(large) as server, call(server, make(b"") * 100) as (reader, _):
        await wait_for(lambda: len(asked) > 1)
        seen = -1
        while seen != len(asked):
            seen = len(asked)
            await asyncio.sleep(0.05)
        assert seen < 50
        for _ in range(100):
            assert (await read_answer(reader))[0] == 200
        assert len(asked) == 100


@pytest.mark.asyncio
async def test_half_a_request_does_not_hold_a_connection_for_ever() -> None:
    """Who has begun a request and does not go on is left; who is quiet between two requests is kept."""
    async with serve() as server, call(server, b"GET /x HT") as (half, _), call(server, make()) as (quiet, writer):
        await read_answer(quiet)
        await wait_for(lambda: len(server._connections) == 2)
        for _ in range(2):
            for connection in list(server._connections):
                connection.look_for_progress()
        assert await half.read() == b""
        writer.write(make())
        assert (await read_answer(quiet))[0] == 200


@pytest.mark.asyncio
async def test_after_the_last_answer_nothing_more_is_worked_on() -> None:
    """What a client sent along with a request whose answer ends the connection can be sent again elsewhere."""
    asked = []

    def count(_: Request, exchange: Exchange) -> None:
        asked.append(1)
        exchange.answer(write_json(None))

    door = Door(echo, RULES, {("POST", "/x"): count}, closing=True)
    server = HttpServer(bind_port("127.0.0.1", 0), door, lambda: NOON)
    await server.start()
    async with call(server, make() * 3) as (reader, _):
        assert (await read_answer(reader))[0] == 200 and await reader.read() == b""
        assert len(asked) == 1
    await server.stop()


@pytest.mark.asyncio
async def test_stopping_lets_what_is_inside_be_answered_and_ends_the_rest() -> None:
    """A deployment's old replica loses nobody's request."""
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def wait(request: Request) -> Answer:
        inside.set()
        await go_on.wait()
        return await echo(request)

    async with serve(wait) as server, call(server) as (quiet, _), call(server, make()) as (reader, _):
        await inside.wait()
        stopping = asyncio.create_task(server.stop())
        assert await quiet.read() == b""
        go_on.set()
        _, headers, body = await read_answer(reader)
        assert body["body"] == "hello" and headers["connection"] == "close"
        await stopping


@pytest.mark.asyncio
async def test_a_followed_request_lasts_from_the_reading_that_began_it() -> None:
    """However long a busy machine takes after it: its stages are placed by it, and its span must hold them all."""
    seen: list[Seen] = []
    trace = Trace("1" * 32, "", "", begin=1.0, unix=0.0)
    rules = DoorRules(follow=lambda _path, _get: trace, watch=seen.append, monotonic=lambda: 5.0)
    async with serve(rules=rules) as server, call(server, make()) as (reader, _):
        assert (await read_answer(reader))[0] == 200
    assert [each.seconds for each in seen] == [4.0]


@pytest.mark.asyncio
async def test_a_note_that_cannot_be_taken_hurts_nobody() -> None:
    """Where the disk of the samples is full, requests are answered as ever."""

    def fill_disk(_: Seen) -> None:
        raise OSError("No space left on device")

    async with serve(rules=DoorRules(watch=fill_disk)) as server, call(server, make() * 2) as (reader, _):
        for _ in range(2):
            assert (await read_answer(reader))[0] == 200


@pytest.mark.asyncio
@pytest.mark.parametrize("is_quick", [False, True])
async def test_what_breaks_is_a_500_and_the_connection_goes_on(is_quick: bool) -> None:
    """A fault of ours is said without its details, and the next request is answered."""

    async def break_down(_: Request) -> Answer:
        raise RuntimeError("a secret")

    def break_at_once(_: Request, exchange: Exchange) -> None:
        raise RuntimeError("a secret")

    quick = {("POST", "/x"): break_at_once} if is_quick else {}
    async with serve(break_down, quick=quick) as server, call(server, make() * 3000) as (reader, _):
        for _ in range(3000):
            status, _, body = await read_answer(reader)
            assert (status, body["code"]) == (500, "internal") and "secret" not in str(body)


SEEDS = (
    make(),
    make(head="connection: Upgrade\r\nupgrade: h2c\r\n"),
    b"GET /y?z HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n\r\n",
    b"POST /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\na: b\r\n\r\n",
)
PIECES = st.one_of(st.sampled_from(SEEDS), st.binary(max_size=20), st.sampled_from([b"\r\n", b" ", b":", b"\x00"]))


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.ended = False

    def write(self, data: Any) -> None:
        assert not self.ended
        self.written += data

    def is_closing(self) -> bool:
        return self.ended

    def close(self) -> None:
        self.ended = True

    write_eof = abort = close

    def pause_reading(self) -> None:
        """Read on: what a client sends is all there."""

    resume_reading = pause_reading


@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(PIECES, max_size=6), cuts=st.lists(st.integers(0, 600), max_size=5))
def test_whatever_comes_in_whatever_pieces_is_answered_or_refused(pieces: list[bytes], cuts: list[int]) -> None:
    """No bytes break a connection, and what comes back is answers of HTTP and nothing else."""

    async def send() -> bytes:
        door = Door(echo, RULES, {("POST", "/x"): lambda _, exchange: exchange.answer(write_json(1))})
        wire, connection = Wire(), Connection(door, set(), lambda: b"now", asyncio.get_running_loop())
        connection.connection_made(wire)
        content, places = b"".join(pieces), sorted(cuts)
        for begin, end in zip([0, *places], [*places, len(content)], strict=True):
            connection.data_received(content[begin:end])
            await asyncio.sleep(0)
        while connection.is_busy() or connection._waiting:
            await asyncio.sleep(0)
        return wire.written

    for answer in asyncio.run(send()).split(b"HTTP/1.1 ")[1:]:
        assert answer[:3] in (b"100", b"200", b"400")

"""Everything between the bytes of HTTP and a handler: gate, limit, request ids, and who is told of an answer."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from airgate_kit import logs
from airgate_kit.names import HEADER_GATE, HEADER_REQUEST_ID
from airgate_serving.engine.seen import Seen, Watch
from airgate_serving.engine.trace import Follow, Trace
from airgate_serving.errors import BodyTooLarge, GateClosed, ServingError
from airgate_serving.rest.failures import Answer, explain_error

LONGEST_ID = 128  # characters of a request id that is echoed
BROKEN = ServingError("The runtime failed.", "Its log says more under the request id.")
log = logs.get("airgate_serving.rest")

Pairs = tuple[tuple[str, str], ...]


class Request(msgspec.Struct, frozen=True):
    """A request with its whole body. `headers.get(name)` takes a lower-case name."""

    verb: str
    path: str
    headers: Any
    body: bytes
    trace: Trace | None = None


Handler = Callable[[Request], Awaitable[Answer]]
Head = tuple[str, str, Any]  # verb, path, headers
Reply = Callable[[Answer, Pairs, str], None]  # answer, headers that name the file, request id


@dataclass(frozen=True, slots=True)
class DoorRules:
    """What a door asks of everyone: a secret (empty: none) and a size; and what it says to everyone."""

    gate_secret: str = ""
    most_bytes: int = 64 * 1024 * 1024
    name_file: Callable[[str], Pairs] = lambda _: ()  # headers that say which file answers at a path
    id_prefix: str = "local"  # of request ids that are made here
    watch: Watch | None = None  # is told of every answer
    follow: Follow | None = None  # is asked whether to follow a request
    monotonic: Callable[[], float] = float  # asked only where somebody watches


class Exchange:
    """One request, from its head to its one answer. Lives on the loop's thread.

    refusal: why it is refused by its head alone, so that its body need not be read.
    """

    __slots__ = (
        "_begin", "_named", "_reply", "_request_id", "_rules", "_trace", "body", "headers", "path", "refusal", "verb",
    )  # fmt: skip

    def __init__(self, rules: DoorRules, head: Head, request_id: str, reply: Reply) -> None:
        """Begin with the head; the answer goes to `reply`."""
        self.verb, self.path, self.headers = head
        self._rules, self._request_id, self._reply = rules, request_id, reply
        self._trace = rules.follow(self.path, self.headers.get) if rules.follow is not None else None
        self._begin = rules.monotonic() if self._trace is None else self._trace.begin  # its span ends by this
        self._named: Pairs | None = None
        self.refusal: ServingError | None = None
        self.body = b""

    def make_request(self) -> Request:
        """Return the request for its handler. Call it in the turn of the loop in which that begins.

        The file that answers then is the one that the answer names, whatever is loaded in between.
        """
        self._named = self._rules.name_file(self.path)
        return Request(self.verb, self.path, self.headers, self.body, self._trace)

    def answer(self, answer: Answer, code: str = "") -> None:
        """Send the answer, and tell whoever watches; `code` is of a refusal."""
        rules, request_id = self._rules, self._request_id
        named = rules.name_file(self.path) if self._named is None else self._named
        self._reply(answer, named, request_id[:LONGEST_ID])
        if rules.watch is not None:
            self._tell(rules.watch, answer.status, code)

    def _tell(self, watch: Watch, status: int, code: str) -> None:
        """Tell whoever watches. Where that breaks, a full disk say, the others of a batch must not suffer for it."""
        seconds, what, body = self._rules.monotonic() - self._begin, f"{self.verb} {self.path}", self.body
        try:
            watch(Seen("http", what, status, self._request_id, seconds, lambda: body, "", code, self._trace))
        except Exception:
            log.exception("an answer could not be noted", extra={"fields": {"path": self.path, "id": self._request_id}})

    def refuse(self, error: Exception) -> None:
        """Answer with an error; one that is not meant for the caller is logged and only said to have been."""
        if not isinstance(error, ServingError):
            fields = {"path": self.path, "id": self._request_id}
            log.error("a request broke the runtime", exc_info=error, extra={"fields": fields})
            error = BROKEN
        self.answer(explain_error(error), error.code)


Quick = Callable[[Request, Exchange], None]  # sees to the answer without a task of the loop; may raise


@dataclass(slots=True)
class Door:
    """Takes requests from connections to a handler. `closing` asks clients to take their next request elsewhere."""

    handler: Handler
    rules: DoorRules
    quick: Mapping[tuple[str, str], Quick] = field(default_factory=dict)  # goes past the handler; by verb and path
    closing: bool = False
    counter: int = field(default=0)

    def open(self, head: Head, reply: Reply) -> Exchange:
        """Return the exchange for the head of a request; its refusal is known before any of the body is read."""
        headers = head[2]
        exchange = Exchange(self.rules, head, headers.get(HEADER_REQUEST_ID) or self._make_id(), reply)
        exchange.refusal = self._judge(headers)
        return exchange

    def take(self, exchange: Exchange) -> "asyncio.Task[None] | None":
        """Have a request answered, once, whatever happens; return the task that does it, if one is needed."""
        if exchange.refusal is not None:
            exchange.refuse(exchange.refusal)
            return None
        quick = self.quick.get((exchange.verb, exchange.path))
        if quick is None:
            return asyncio.get_running_loop().create_task(self._answer(exchange))
        try:
            quick(exchange.make_request(), exchange)
        except Exception as error:  # noqa: BLE001 - goes to the caller or into the log
            exchange.refuse(error)
        return None

    async def _answer(self, exchange: Exchange) -> None:
        try:
            answer = await self.handler(exchange.make_request())
        except Exception as error:  # noqa: BLE001 - goes to the caller or into the log
            exchange.refuse(error)
        else:
            exchange.answer(answer)

    def explain_size(self) -> BodyTooLarge:
        """Return the error for a body over the limit."""
        most = self.rules.most_bytes
        return BodyTooLarge(f"The body is over the limit of {most} bytes.", "Send fewer rows, or raise --max-body-mib.")

    def _make_id(self) -> str:
        self.counter += 1
        return f"{self.rules.id_prefix}-{self.counter:x}"

    def _judge(self, headers: Any) -> ServingError | None:
        """Return why a request is refused by its head alone."""
        secret = self.rules.gate_secret
        if secret and not hmac.compare_digest(headers.get(HEADER_GATE, "").encode(), secret.encode()):
            sentence = "This runtime answers only what comes through the gateway."
            return GateClosed(sentence, "Call the deployment's endpoint there.")
        length = headers.get("content-length")
        return self.explain_size() if length is not None and int(length) > self.rules.most_bytes else None

"""A stand-in for a collector of traces: takes OTLP over HTTP as a real one does, and keeps what came.

It is no collector: it reads `ExportTraceServiceRequest` by OpenTelemetry's own messages and forwards nothing.
"""

import gzip
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.kit.small_server import Handler, run_server

CONTENT_TYPE = "application/x-protobuf"


@dataclass(frozen=True, slots=True)
class CollectedSpan:
    """One span as it arrived, ids as hexadecimal digits, attributes and the resource's as plain values."""

    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    state: str
    begin: int
    end: int
    is_error: bool
    attributes: dict[str, Any]
    resource: dict[str, Any]


@dataclass(slots=True)
class StandInCollector:
    """What came, and how it behaves. `answers`: statuses of the next posts, then 200. While not `open`, posts wait."""

    host: str = "127.0.0.1"
    port: int = 0
    spans: list[CollectedSpan] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)  # of every post
    bodies: list[bytes] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    rejects: int = 0
    open: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://{self.host}:{self.port}"

    def find(self, fits: Callable[[CollectedSpan], bool]) -> list[CollectedSpan]:
        """Return the spans that fit, in the order in which they came."""
        return [span for span in list(self.spans) if fits(span)]

    def find_request(self, request_id: str) -> CollectedSpan | None:
        """Return the server's span of a request, once it has come."""
        return next(iter(self.find(lambda span: span.attributes.get("airgate.request.id") == request_id)), None)

    def find_children(self, parent: CollectedSpan) -> list[CollectedSpan]:
        """Return a span's children by their begin."""
        return sorted(self.find(lambda span: span.parent_id == parent.span_id), key=lambda span: span.begin)

    def take(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer to one post."""
        self.open.wait()
        self.headers.append(headers)
        self.bodies.append(body)
        status = self.answers.pop(0) if self.answers else 200
        if path != "/v1/traces" or headers.get("content-type") != CONTENT_TYPE:
            return 404, b""
        if status == 200:
            content = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
            self.spans += list(read_spans(ExportTraceServiceRequest.FromString(content)))  # all at once
        answer = ExportTraceServiceResponse()
        if self.rejects:
            answer.partial_success.rejected_spans = self.rejects
            answer.partial_success.error_message = "no room"
        return status, answer.SerializeToString()


def read_spans(request: ExportTraceServiceRequest) -> Iterator[CollectedSpan]:
    """Yield every span of an export."""
    for ours in request.resource_spans:
        resource = read_attributes(ours.resource.attributes)
        for scope in ours.scope_spans:
            for span in scope.spans:
                yield read_span(span, resource)


def read_span(span: Span, resource: dict[str, Any]) -> CollectedSpan:
    """Return one span as plain values."""
    return CollectedSpan(
        span.name,
        span.kind,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.trace_state,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        span.status.code == 2,
        read_attributes(span.attributes),
        resource,
    )


def read_attributes(attributes: Any) -> dict[str, Any]:
    """Return attributes by name."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}


@contextmanager
def run_collector(tls: tuple[Path, Path] | None = None, host: str = "127.0.0.1") -> Iterator[StandInCollector]:
    """Take spans on a free port until the block ends; what still waits is let through then.

    tls: files of a certificate and its key; plain HTTP without. host: the address of this machine to listen on.
    """
    collector = StandInCollector(host)
    collector.open.set()

    class Posts(Handler):
        def do_POST(self) -> None:
            """Take one export."""
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answer = collector.take(self.path, headers, self.read_body())
            self.answer(status, answer, **{"content-type": CONTENT_TYPE})

    server = ThreadingHTTPServer((host, 0), Posts)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    with run_server(server):
        collector.port = server.server_port
        try:
            yield collector
        finally:
            collector.open.set()

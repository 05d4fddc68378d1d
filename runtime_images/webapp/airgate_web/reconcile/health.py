"""The reconciler's only open port: /livez, /readyz, /metrics."""

import contextlib
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from airgate_web.reconcile.meter import Meter


class HealthHandler(BaseHTTPRequestHandler):
    """Answers three paths from a meter."""

    meter: Meter

    def do_GET(self) -> None:
        """Answer 200, 503 for a probe that fails, 404 for other paths."""
        match self.path:
            case "/livez":
                self.answer_probe(self.meter.is_alive())
            case "/readyz":
                self.answer_probe(self.meter.is_ready())
            case "/metrics":
                self.answer(HTTPStatus.OK, self.meter.write_metrics())
            case _:
                self.answer(HTTPStatus.NOT_FOUND, b"/livez /readyz /metrics\n")

    def answer_probe(self, good: bool) -> None:
        """Answer a probe."""
        self.answer(HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE, b"ok\n" if good else b"no\n")

    def answer(self, status: HTTPStatus, body: bytes) -> None:
        """Send one answer."""
        self.send_response(status)
        self.send_header("content-type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
        """Say nothing: probes come every few seconds."""


@contextlib.contextmanager
def serve_health(meter: Meter, host: str, port: int) -> Iterator[int]:
    """Serve while the block runs; yields the port (another than `port` when that is 0). OSError when it is taken."""
    handler = type("Handler", (HealthHandler,), {"meter": meter})
    server = ThreadingHTTPServer((host, port), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

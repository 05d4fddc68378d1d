"""Small HTTP servers that play the other end of a client under test, on a free port of this machine."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar

POLL_SECONDS = 0.02  # how soon a server ends that is told to

Server = TypeVar("Server", bound=ThreadingHTTPServer)


class Handler(BaseHTTPRequestHandler):
    """Quiet; answers with a length."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""

    def read_body(self) -> bytes:
        """Return what was sent along."""
        return self.rfile.read(int(self.headers.get("content-length") or 0))

    def answer(self, status: int, body: object = None, **headers: str) -> None:
        """Send bytes as they are, anything else as JSON, and nothing with 204."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = b"" if status == 204 else content
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(sent)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            with suppress(BrokenPipeError):  # whoever asked may have been killed meanwhile
                self.wfile.write(sent)


@contextmanager
def run_server(server: Server) -> Iterator[Server]:
    """Serve on a thread until the block ends."""
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def serve(handler: type[BaseHTTPRequestHandler], host: str = "127.0.0.1") -> Iterator[int]:
    """Serve on a free port until the block ends, and yield the port."""
    with run_server(ThreadingHTTPServer((host, 0), handler)) as server:
        yield server.server_port

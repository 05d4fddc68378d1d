"""The HTTP door: /livez, /readyz, /devices, /metrics. Plain threads of the standard library: it is asked
once or twice a second at most."""

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from airgate_plugin.errors import CannotServe

log = logging.getLogger("airgate_plugin.http")

REQUEST_SECONDS = 10.0  # a client that sends nothing does not hold its thread longer
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Page:
    """An answer: HTTP status, content type, body."""

    status: int
    body: bytes
    content_type: str = TEXT


class HttpDoor:
    """Serves pages by their path; everything else is 404 with the list of pages."""

    def __init__(self, host: str, port: int, pages: Mapping[str, Callable[[], Page]]) -> None:
        """Open the port (0: any free one). Raises CannotServe where it cannot be opened."""
        try:
            self._server = ThreadingHTTPServer((host, port), _make_handler(pages))
        except OSError as why:
            raise CannotServe(
                f"cannot listen on {host}:{port}: {why.strerror}", "set --http to a free HOST:PORT"
            ) from why
        self._server.daemon_threads = True
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._answer_forever, name="http", daemon=True)

    @property
    def port(self) -> int:
        """Return the port that is open."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Start to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port."""
        if self._thread.is_alive():
            self._over.set()
            self._wake()
            self._thread.join()
        self._server.server_close()

    def _answer_forever(self) -> None:
        """Answer one request after another; unlike `serve_forever` it sleeps until one comes."""
        while not self._over.is_set():
            self._server.handle_request()

    def _wake(self) -> None:
        """Be the last client, so that the thread sees that it is over."""
        family = self._server.socket.family
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(REQUEST_SECONDS)
            client.connect(self._server.socket.getsockname())


def _make_handler(pages: Mapping[str, Callable[[], Page]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers GET."""

        timeout = REQUEST_SECONDS

        def do_GET(self) -> None:
            """Answer with the page of this path."""
            make_page = pages.get(self.path.partition("?")[0])
            page = make_page() if make_page else Page(404, f"try {', '.join(pages)}\n".encode())
            self.send_response(page.status)
            self.send_header("Content-Type", page.content_type)
            self.send_header("Content-Length", str(len(page.body)))
            self.end_headers()
            self.wfile.write(page.body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - http.server's name
            """Log at debug: probes come every few seconds."""
            log.debug(format % arguments)

    return Handler

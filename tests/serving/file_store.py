"""A webapp's file door, as far as a fetching client sees it."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Store(http.server.BaseHTTPRequestHandler):
    """A webapp's file door: one file, for whoever has the token; it can break off once."""

    content = b"a model file" * 1000
    asked: list[str] = []
    break_off = False

    def do_GET(self) -> None:
        """Answer the file."""
        self.asked.append(self.headers.get("Authorization", ""))
        if self.headers.get("Authorization") != "Bearer let-me-in":
            self.send_error(401)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content[:100] if type(self).break_off else self.content)
        type(self).break_off = False

    def log_message(self, *_: Any) -> None:
        """Be quiet."""


@contextmanager
def run_store() -> Iterator[str]:
    """Serve the file until the block ends; the address is given."""
    Store.asked = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/blobs/x"
        server.shutdown()
        thread.join()

"""A webapp's file door, as far as a fetching client sees it."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.kit.small_server import Handler, serve


class Store(Handler):
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


@contextmanager
def run_store() -> Iterator[str]:
    """Serve the file until the block ends; the address is given."""
    Store.asked = []
    with serve(Store) as port:
        yield f"http://127.0.0.1:{port}/blobs/x"

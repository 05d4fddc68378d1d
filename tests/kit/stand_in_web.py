"""Plays the web process for jobs that run alone: takes their word from who has the secret, and keeps it."""

import json
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.kit.small_server import Handler, run_server


class StandInWeb(Handler):
    """Answers as the server's attributes say.

    secret: who has it may speak. failures: how often the end is answered by 500 first. over: no job is wanted any more.
    said: what was heard.
    """

    def do_POST(self) -> None:
        self.keep(json.loads(self.read_body()))

    def do_PUT(self) -> None:
        self.keep({"file": self.read_body(), "path": self.path})

    def keep(self, said: dict[str, Any]) -> None:
        """Keep a word, or refuse it."""
        web: Any = self.server
        if self.headers["authorization"] != f"Bearer {web.secret}":
            self.answer(401, {"error": "This address is for the appliance's own processes."})
        elif web.failures and ("file" in said or "ended" in said):
            web.failures -= 1
            self.answer(500, {"error": "not yet"})
        else:
            web.said.append(said)
            self.answer(409 if web.over else 204, {"error": "not wanted any more."})


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """HTTP on a unix socket."""

    def get_request(self) -> tuple[Any, Any]:
        """Return a caller with an address, as the handler expects one."""
        return super().get_request()[0], ("unix", 0)


@contextmanager
def run_web(
    secret: str,
    *,
    path: Path | None = None,
    host: str = "127.0.0.1",
    handler: type[StandInWeb] = StandInWeb,
    failures: int = 0,
) -> Iterator[Any]:
    """Serve until the block ends, over TCP or at a socket; `url` has the address, see StandInWeb for the others."""
    server: Any = UnixServer(str(path), handler) if path else ThreadingHTTPServer((host, 0), handler)
    server.secret, server.said, server.failures, server.over = secret, [], failures, False
    server.url = f"unix:{path}" if path else f"http://{host}:{server.server_address[1]}"
    with run_server(server):
        yield server


def find_results(web: Any) -> list[bytes]:
    """Return the files that were sent."""
    return [said["file"] for said in web.said if "file" in said]

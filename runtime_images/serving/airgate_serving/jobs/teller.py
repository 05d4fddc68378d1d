"""Tells the web process how a job goes, over TCP or a unix socket."""

import contextlib
import http.client
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airgate_kit.clock import Clock
from airgate_serving.errors import BadConfiguration, TellFailed

UNIX = "unix:"
PASSING_SECONDS = 5.0  # word of progress may wait so long, then it is left out
LAST_SECONDS = 60.0  # without a byte, of what must arrive
PAUSE = 2.0  # seconds between two tries
OVER = (409, 413)  # stopped, removed, ended; ended because its file is too large
HINT = "Check that the web process runs, and that the job may reach it."


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Teller:
    """Sends to /internal/jobs/JOB. Every answer says whether the job is still wanted.

    patience: seconds for which what must arrive is sent again and again.
    """

    def __init__(self, web: str, job: int, secret: str, clock: Clock, patience: float) -> None:
        if not web.startswith((UNIX, "http://")):
            raise BadConfiguration(f"{web} is no address of a web process.", "Write http://HOST:PORT or unix:PATH.")
        self._web, self._path = web, f"/internal/jobs/{job}"
        self._headers = {"Authorization": f"Bearer {secret}"}
        self._clock, self._patience = clock, patience

    def tell(self, rows: int | None = None, of: int | None = None) -> bool:
        """Tell of progress once; return whether the job is wanted. A web process that is away hears of it later."""
        try:
            return self._post({"rows": rows, "of": of}, PASSING_SECONDS)
        except (OSError, http.client.HTTPException):
            return True

    def tell_end(self, **said: Any) -> None:
        """Tell, until it was heard, how the job has ended. Raises TellFailed."""
        self._insist(lambda: self._post({**said, "ended": True}, LAST_SECONDS))

    def send_result(self, file: Path, rows: int | None) -> None:
        """Send the file of predictions, until it has arrived; that is the job's end. Raises TellFailed."""
        query = "" if rows is None else f"?rows={rows}"
        self._insist(lambda: self._put(f"{self._path}/result{query}", file))

    def _post(self, said: dict[str, Any], seconds: float) -> bool:
        body = json.dumps(said).encode()
        headers = {**self._headers, "Content-Type": "application/json"}
        with self._open(seconds) as link:
            link.request("POST", self._path, body, headers)
            return _read_answer(link.getresponse())

    def _put(self, path: str, file: Path) -> bool:
        headers = {**self._headers, "Content-Length": str(file.stat().st_size)}
        with self._open(LAST_SECONDS) as link, file.open("rb") as body:
            link.request("PUT", path, body, headers)
            return _read_answer(link.getresponse())

    @contextlib.contextmanager
    def _open(self, seconds: float) -> Iterator[http.client.HTTPConnection]:
        address = urlsplit(self._web)
        link: http.client.HTTPConnection
        if self._web.startswith(UNIX):
            link = UnixConnection(self._web.removeprefix(UNIX), seconds)
        else:
            link = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=seconds)
        with contextlib.closing(link):
            yield link

    def _insist(self, send: Callable[[], object]) -> None:
        deadline = self._clock.monotonic() + self._patience
        while True:
            try:
                send()
            except (OSError, http.client.HTTPException) as why:
                if not self.tell():  # it may have answered before it was sent everything
                    return
                if self._clock.monotonic() >= deadline:
                    raise TellFailed(f"The web process does not hear how the job ended: {why}.", HINT) from why
                self._clock.sleep(PAUSE)
            else:
                return


def _read_answer(answer: http.client.HTTPResponse) -> bool:
    """Return whether the job is wanted. Raises OSError where another try may help, TellFailed where none will."""
    content = answer.read()
    if answer.status in OVER:
        return False
    if answer.status >= 500:
        raise OSError(f"it answers {answer.status}")
    if answer.status >= 300:
        raise TellFailed(
            f"The web process refuses the job's word: it answers {answer.status}, {_explain(content)}.", HINT
        )
    return True


def _explain(content: bytes) -> str:
    try:
        return str(json.loads(content)["error"]).rstrip(".")
    except (ValueError, KeyError, TypeError):
        return content[:200].decode(errors="replace")

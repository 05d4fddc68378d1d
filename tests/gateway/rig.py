"""A rig for the gateway: the real agent and the real Envoy, with the two ends played by small servers here.

The webapp's end hands out the snapshot it was last given; the runtime's end echoes what reached it.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import httpx

from airgate_web.gateway.snapshot import HEALTH_PATH
from tests.kit.small_server import Handler, serve

INTERNAL_TOKEN = "internal"


def find_free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(what: str, ready: Callable[[], bool], seconds: float = 20.0) -> None:
    """Return when `ready` is true; fail the test with `what` when it is not in time."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        time.sleep(0.02)


class KeepAlive(Handler):
    """Speaks HTTP/1.1 and keeps a connection until the other side lets go of it. `left` counts those that were."""

    protocol_version = "HTTP/1.1"
    left = 0

    def finish(self) -> None:
        """Count the end of a connection that had a request."""
        super().finish()
        if getattr(self, "path", "").startswith("/kept"):
            KeepAlive.left += 1


@contextmanager
def serve_echo(name: str, loaded: threading.Event | None = None) -> Iterator[int]:
    """Serve a runtime that answers with what reached it: {"name", "path", "headers", "body"}.

    loaded: until it is set the runtime says that it is not ready, and answers all the same; None: ready at once.
    """

    class Echo(KeepAlive):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            headers = {key.lower(): value for key, value in self.headers.items()}
            self.answer(
                200, {"name": name, "path": self.path, "headers": headers, "body": body}, **{"set-cookie": "evil=1"}
            )

        def do_GET(self) -> None:
            if self.path == HEALTH_PATH:
                ready = self.headers.get("x-airgate-gate") and (loaded is None or loaded.is_set())
                return self.answer(200 if ready else 503, {})
            return self.do_POST()

    with serve(Echo) as port:
        yield port


@contextmanager
def serve_stream(go_on: threading.Event) -> Iterator[int]:
    """Serve a runtime that sends the first of two server-sent events at once, and the second when `go_on` is set.

    `/late` sends nothing at all until then.
    """

    class Stream(KeepAlive):
        def do_POST(self) -> None:
            if self.path == "/late":
                go_on.wait(60)
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            with suppress(OSError):  # the gateway may have given it up
                self.wfile.write(b"data: first\n\n")
                go_on.wait(60)
                self.wfile.write(b"data: last\n\n")

        def do_GET(self) -> None:
            self.answer(200, {})

    with serve(Stream) as port:
        try:
            yield port
        finally:
            go_on.set()


@dataclass
class Web:
    """The webapp's end. `snapshot` is what the agent is told, `reports` what it says; `console` answers the rest."""

    port: int = 0
    snapshot: dict[str, Any] = field(default_factory=dict)
    asked: int = 0
    reports: list[dict[str, Any]] = field(default_factory=list)

    def find_reached(self, owner: str) -> list[str]:
        """Return the addresses of a deployment by the last report."""
        return list(self.reports[-1]["reached"].get(owner, [])) if self.reports else []


@contextmanager
def serve_web(web: Web) -> Iterator[Web]:
    """Serve the webapp's end on a free port; the long question is answered at once when there is news."""

    class WebHandler(KeepAlive):
        def do_GET(self) -> None:
            url = urlparse(self.path)
            if url.path != "/internal/gateway":
                return self.answer(200, {"console": self.path, "gate": self.headers.get("x-airgate-gate")})
            if self.headers.get("authorization") != f"Bearer {INTERNAL_TOKEN}":
                return self.answer(401, {})
            web.asked += 1
            have = parse_qs(url.query).get("have", [""])[0]
            deadline = time.monotonic() + 0.3
            while web.snapshot.get("digest", "") == have and time.monotonic() < deadline:
                time.sleep(0.01)
            if web.snapshot.get("digest", "") in ("", have):
                return self.answer(204, None)
            return self.answer(200, web.snapshot)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if self.path != "/internal/gateway" or self.headers.get("authorization") != f"Bearer {INTERNAL_TOKEN}":
                return self.answer(401, {})
            web.reports.append(json.loads(body))
            return self.answer(204, None)

    with serve(WebHandler) as port:
        web.port = port
        yield web


class Gateway:
    """One real agent and one real Envoy over one folder."""

    def __init__(self, folder: Path, web: str, *doors: str) -> None:
        """`doors` are the agent's flags for its doors."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        token = folder.parent / "internal-token"
        token.write_text(INTERNAL_TOKEN)
        self._agent = ["agent", "--dir", str(folder), "--web", web, "--token-file", str(token), *doors]
        self._envoy = ["envoy", "--dir", str(folder), "--concurrency", "1"]
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *parts: str) -> None:
        """Start "agent", "envoy" or both."""
        for part in parts:
            command = self._agent if part == "agent" else self._envoy
            log = (self.folder.parent / f"{part}.log").open("ab")
            self.processes[part] = subprocess.Popen(
                [sys.executable, "-m", "airgate_gateway", *command], stdout=log, stderr=log
            )
            log.close()

    def stop(self, *parts: str, number: int = signal.SIGTERM) -> None:
        """End these and wait for it."""
        for part in parts:
            process = self.processes.pop(part, None)
            if process:
                os.kill(process.pid, number)
                process.wait(20)

    def read_log(self, part: str) -> str:
        """Return what a part has logged."""
        return (self.folder.parent / f"{part}.log").read_text()


def is_ready(url: str) -> bool:
    """Return whether a door answers with 200 on the path that probes ask."""
    try:
        return httpx.get(f"{url}/gateway/readyz", verify=False, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False

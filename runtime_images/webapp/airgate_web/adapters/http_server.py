"""Listens, and serves an app until a signal comes: the only file that knows the HTTP server."""

import signal
import socket
import threading
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from airgate_web.domain.errors import Invalid

GRACE = 10  # seconds for answers under way when the process is asked to end
BACKLOG = 2048


class EndingServer(uvicorn.Server):
    """Tells the app when it was told to end: uvicorn itself waits for every answer under way, long calls included."""

    def __init__(self, config: uvicorn.Config, ending: threading.Event) -> None:
        super().__init__(config)
        self.ending = ending

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take the signal."""
        self.ending.set()
        super().handle_exit(sig, frame)


def serve_until_signal(app: FastAPI, listener: socket.socket, ending: threading.Event | None = None) -> int:
    """Serve until SIGTERM or SIGINT, and set `ending` then; return the exit code."""
    server = EndingServer(
        uvicorn.Config(app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=GRACE),
        ending or threading.Event(),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)  # the server raises it once more when it is done
    server.run(sockets=[listener])
    return 0 if server.started else 1


def open_listener(host: str, port: int, setting: str) -> socket.socket:
    """Return a listening socket; Invalid, naming the setting, when the address is not ours or the port is in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Invalid(
            f"Cannot listen on {host} port {port}: {error.strerror}.", f"Choose another port (--port, {setting})."
        ) from None
    return listener


def open_socket(path: Path) -> socket.socket:
    """Return a listening unix socket that its owner alone may use; one that an earlier process left is replaced."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(BACKLOG)
    return listener

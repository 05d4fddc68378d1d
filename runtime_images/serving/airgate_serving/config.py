"""What the commands are told, as frozen dataclasses. `cli.py` fills them in; nothing below reads the environment."""

from dataclasses import dataclass
from pathlib import Path

from airgate_kit import names

LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Ports:
    """Where to listen; port 0 takes any free one. `grpc` None leaves that door shut."""

    host: str = "127.0.0.1"
    http: int = names.PORT_SERVE_HTTP
    grpc: int | None = names.PORT_SERVE_GRPC
    admin: int = names.PORT_SERVE_ADMIN

    def is_loopback(self) -> bool:
        """Return whether only this machine can call."""
        return self.host in LOOPBACK


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one runtime."""

    queue: int = 512  # requests inside at a time
    deadline_seconds: float = 30.0  # longest wait in the queue
    body_bytes: int = 64 * 1024 * 1024
    linger_seconds: float = 1.0  # after SIGTERM: not ready, still answering
    drain_seconds: float = 20.0  # then: longest wait for what is inside


@dataclass(frozen=True, slots=True)
class ServeConfig:
    """One model to serve."""

    file: Path
    name: str
    version: str
    digest: str
    format: str
    ports: Ports
    limits: Limits
    threads: int
    gate_secret: str = ""
    granted: str = ""  # for example "qualcomm.com/qaic 0,1"
    nvidia: bool = False
    excused: bool = False  # formats that carry code may be opened where this kernel has no whole lock

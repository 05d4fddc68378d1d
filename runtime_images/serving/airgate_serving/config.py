"""What the commands are told, as frozen dataclasses: of arguments by `settings.py`, of the environment by `cli.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from airgate_kit import names
from airgate_serving.trials.job import Bounds, Surroundings

MEBIBYTE = 1024 * 1024
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Ports:
    """Where to listen: an address, and ports of which 0 takes any free one."""

    host: str = "127.0.0.1"
    http: int = names.PORT_SERVE_HTTP
    grpc: int = names.PORT_SERVE_GRPC
    admin: int = names.PORT_SERVE_ADMIN

    def is_loopback(self) -> bool:
        """Return whether only this machine can call."""
        return self.host in LOOPBACK


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one runtime."""

    queue: int = 512  # requests inside at a time
    deadline_seconds: float = 30.0  # longest wait in the queue
    window_seconds: float = 0.0  # how long a request may wait for company
    body_bytes: int = 64 * MEBIBYTE
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
    qids: tuple[int, ...] = ()  # of the Qualcomm cards among the granted
    qaic_sdk: str = names.QAIC_SDK
    scratch: Path | None = None  # a folder to write in, for a model that must be unpacked
    excused: bool = False  # formats that carry code may be opened where this kernel has no whole lock
    access_log: bool = False
    others: tuple["ServeConfig", ...] = ()  # further models of the same process
    override: str = ""  # digest of the one file for which an administrator has overruled the scanner
    repository: bool = False  # whoever may predict may load the file again, and unload it


@dataclass(frozen=True, slots=True)
class BatchConfig:
    """A file of rows for one model: predictions go `to` a file of `kind`, or are compared with the column `target`."""

    file: Path
    format: str
    rows: Path
    around: Surroundings
    threads: int
    to: Path | None = None
    kind: str = ""
    target: str = ""
    keep: tuple[str, ...] = ()
    chunk: int = 1000
    scratch: Path | None = None  # see ServeConfig
    task: str = ""
    thresholds: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # fair, good

    @property
    def columns(self) -> str:
        """Return what goes where, as part of the name of the work."""
        return f"{self.target!r} {self.keep!r}"


@dataclass(frozen=True, slots=True)
class TesterConfig:
    """The test runtime. `blobs` is a folder, or `blobs_url` the webapp's; `environment` is all a call inherits."""

    host: str
    port: int
    admin_port: int
    blobs: Path | None
    blobs_url: str
    scratch: Path
    bounds: Bounds
    around: Surroundings
    gate_secret: str = ""
    fetch_token: str = ""
    body_bytes: int = 64 * MEBIBYTE
    cache_bytes: int = 4096 * MEBIBYTE
    environment: Mapping[str, str] = field(default_factory=dict)

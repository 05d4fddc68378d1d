"""Where the supervisor keeps what: one folder, and what it was given to work with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SOCKET_PATH_MAX = 107  # bytes of a unix socket's path (sockaddr_un.sun_path less its NUL)


@dataclass(frozen=True, slots=True)
class Places:
    """The folders and sockets under the appliance's home."""

    home: Path

    @property
    def socket(self) -> Path:
        """Where the supervisor listens to the reconciler."""
        return self.home / "run" / "supervisor.sock"

    @property
    def lock(self) -> Path:
        """Held by the one supervisor of this home."""
        return self.home / "run" / "supervisor.lock"

    @property
    def kubelet(self) -> Path:
        """Where device plugins register (kubelet.sock) and listen."""
        return self.home / "run" / "kubelet"

    @property
    def workloads(self) -> Path:
        """One file a wanted workload."""
        return self.home / "supervisor" / "workloads"

    @property
    def replicas(self) -> Path:
        """One file a replica: its ports, its process."""
        return self.home / "supervisor" / "replicas"

    @property
    def logs(self) -> Path:
        """One file a replica: its stdout and stderr."""
        return self.home / "logs" / "replicas"

    @property
    def scratch(self) -> Path:
        """One folder a tester, a server of others or a job, removed with it."""
        return self.home / "scratch"


@dataclass(frozen=True, slots=True)
class Options:
    """How a supervisor works.

    serve: the command that runs the serving runtime. blobs: the folder of model files, for testers. find_blob: the
    file of a digest, or None. environ: what every child inherits. trace_url: a collector of OpenTelemetry that services
    are told. web_url: of the web process, where jobs report. drain_seconds: from SIGTERM to SIGKILL. farewell_seconds:
    from "no longer an address" to SIGTERM, so that the gateway hears of it before. simulated: the maker whose cards are
    none ("qualcomm.com"), "" when all are real. log_bytes: when a replica's log is set aside (one old one is kept).
    """

    home: Path
    serve: tuple[str, ...]
    blobs: Path
    find_blob: Callable[[str], Path | None]
    environ: Mapping[str, str] = field(repr=False)
    trace_url: str = ""
    web_url: str = ""
    simulated: str = ""
    drain_seconds: float = 30.0
    farewell_seconds: float = 2.0
    log_bytes: int = 10 * 1024 * 1024


def make_places(home: Path) -> Places:
    """Make the folders of a home (0700) and return their names.

    Raises ValueError when the home's path is too long for a unix socket.
    """
    places = Places(home)
    longest = places.kubelet / "nvidia-com-gpu-a.sock"
    if len(bytes(longest)) > SOCKET_PATH_MAX:
        raise ValueError(f"The path {home} is too long for a unix socket: choose a home with a shorter one.")
    for folder in (
        places.socket.parent,
        places.kubelet,
        places.workloads,
        places.replicas,
        places.logs,
        places.scratch,
    ):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return places

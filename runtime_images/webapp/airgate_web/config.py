"""What the web process is told: where it keeps things, where it listens, what it allows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airgate_kit.names import PORT_FILES, PORT_RECONCILER_HEALTH
from airgate_web.domain.errors import Invalid
from airgate_web.domain.runtime import Runtime, RuntimeKind
from airgate_web.domain.server import read_server

MIB = 1024 * 1024
UPLOAD_LIMIT_MIB = 2048
SQLITE, BLOBS = "store.db", "blobs"  # in the home folder


@dataclass(frozen=True, slots=True)
class WebConfig:
    """Settings of `airgate-web web`; the table in README.md says what each means.

    uds: a unix socket to listen on in place of host and port. upload_limit_mib: MiB of one model file.
    model_roots: places below which models may lie as folders.
    runtimes_file: a JSON list of the runtimes on offer; without one there is the default runtime, for local processes.
    """

    home: Path
    host: str = "127.0.0.1"
    port: int = 8000
    uds: Path | None = None
    database_url: str = ""
    upload_limit_mib: int = UPLOAD_LIMIT_MIB
    runtimes_file: Path | None = None
    model_roots: tuple[Path, ...] = ()
    first_password_file: Path | None = None
    signing_key_file: Path | None = None
    internal_token_file: Path | None = None
    log_level: str = "info"

    def __post_init__(self) -> None:
        """Refuse what cannot be, in a sentence that names the setting."""
        if not 0 <= self.port <= 65535:
            raise Invalid(f"The port {self.port} is out of range.", "Write 1 to 65535 (--port).")
        for root in self.model_roots:
            if not root.is_absolute() or not root.is_dir():
                raise Invalid(f"There is no folder {root}.", "Write whole paths, with : between (AIRGATE_MODEL_ROOTS).")
        if self.upload_limit_mib < 1:
            raise Invalid("The upload limit is less than 1 MiB.", "Write MiB (AIRGATE_UPLOAD_LIMIT_MIB).")


@dataclass(frozen=True, slots=True)
class ReconcileConfig:
    """Settings of `airgate-web reconcile`.

    blobs_url: of the files process as pods reach it; with it workloads run in Kubernetes, without it as processes of
    this machine. web_url: of the web process as they reach it, where jobs report. kubeconfig: of that cluster; None
    inside of it. trace_url: a collector of OpenTelemetry, told to every deployment in Kubernetes. health_host,
    health_port: of the probes and metrics.
    """

    home: Path
    database_url: str = ""
    internal_token_file: Path | None = None
    blobs_url: str = ""
    web_url: str = ""
    kubeconfig: Path | None = None
    trace_url: str = ""
    health_host: str = "127.0.0.1"
    health_port: int = PORT_RECONCILER_HEALTH
    log_level: str = "info"

    def __post_init__(self) -> None:
        """Refuse what cannot be, in a sentence that names the setting."""
        judge_trace_url(self.trace_url)


@dataclass(frozen=True, slots=True)
class FilesConfig:
    """Settings of `airgate-web files`."""

    home: Path
    host: str = "127.0.0.1"
    port: int = PORT_FILES
    internal_token_file: Path | None = None
    log_level: str = "info"


@dataclass(frozen=True, slots=True)
class SuperviseConfig:
    """Settings of `airgate-web supervise`.

    serve: the program airgate-serve. environ: what model processes inherit. web_url: of the web process, where jobs
    report: unix:PATH or http://HOST:PORT. trace_url: a collector of OpenTelemetry.
    simulated: the maker whose cards are simulated, "" when all are real.
    """

    home: Path
    serve: Path
    environ: Mapping[str, str] = field(repr=False)
    trace_url: str = ""
    log_level: str = "info"
    simulated: str = ""
    web_url: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be, in a sentence that names the setting."""
        judge_trace_url(self.trace_url)


def judge_trace_url(url: str) -> None:
    """Raise Invalid for what is no collector's address; no address is none."""
    if url and not (url.startswith(("http://", "https://")) and urlsplit(url).hostname):
        raise Invalid(f"{url} is no address of a collector.", "Write http://HOST:4318 (AIRGATE_TRACE_URL).")


def find_database(home: Path, url: str) -> str:
    """Return the database's URL: the one given, else SQLite in the home folder."""
    return url or f"sqlite:///{home.absolute() / SQLITE}"


def find_key(config: WebConfig) -> Path:
    """Return the file of the key that signs tokens."""
    return config.signing_key_file or config.home / "keys" / "signing.pem"


def find_internal_token(home: Path, given: Path | None) -> Path:
    """Return the file of the token between our own processes; the reconciler and the agent read the same."""
    return given or home / "keys" / "internal-token"


def find_first_password(config: WebConfig) -> Path:
    """Return the file of the first user's password."""
    return config.first_password_file or config.home / "first-password"


def read_runtimes(path: Path) -> tuple[Runtime, ...]:
    """Return the runtimes of a JSON list of objects with slug, name, kind, language, image, formats and description.

    `cards` names the makers of the cards that the image can compute on; without it nothing is known of that.
    Those of the kind server have `server`, and need no language, image and formats.

    Raises Invalid, naming the file, when it cannot be read or an entry is not of that form.
    """
    try:
        return tuple(read_runtime(entry) for entry in json.loads(path.read_text()))
    except Invalid as refusal:
        raise Invalid(f"The runtimes cannot be read from {path}: {refusal.sentence}", refusal.hint) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Invalid(
            f"The runtimes cannot be read from {path}: {type(error).__name__} {error}.",
            "Write a JSON list of runtimes (--runtimes-file, AIRGATE_RUNTIMES_FILE).",
        ) from None


def read_runtime(entry: Mapping[str, Any]) -> Runtime:
    """Return one runtime; KeyError or ValueError for an entry that lacks something."""
    kind = RuntimeKind(entry["kind"])
    known = {"language": "", "image": "", "formats": (), **entry} if kind is RuntimeKind.SERVER else entry
    cards = known.get("cards")
    return Runtime(
        slug=entry["slug"],
        name=entry["name"],
        kind=kind,
        language=known["language"],
        image=known["image"],
        formats=tuple(known["formats"]),
        description=entry.get("description", ""),
        server=read_server(entry["server"]) if kind is RuntimeKind.SERVER else None,
        cards=None if cards is None else tuple(cards),
    )

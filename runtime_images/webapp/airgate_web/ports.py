"""What the services and the reconciler need from outside: one Protocol each. The adapters keep them.

Every implementation of a Protocol, the fakes of the tests included, passes the same suite in tests/contracts.
All calls are synchronous and safe to call from several threads, unless one says otherwise.
"""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from airgate_web.domain.dataset import DataSet
from airgate_web.domain.deployment import Deployment, DeploymentStatus, Token
from airgate_web.domain.job import Job, JobCount, JobRecord, JobReport, JobState, JobStatus
from airgate_web.domain.job_log import JobLog
from airgate_web.domain.model import Model, ModelVersion, Permit, Signature
from airgate_web.domain.plan import Action
from airgate_web.domain.project import Project
from airgate_web.domain.reach import GatewayReport
from airgate_web.domain.runtime import Runtime
from airgate_web.domain.user import User
from airgate_web.domain.workload import Observation


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what, when. subject: for example "deployment qc/digits-live"."""

    at: datetime.datetime
    who: str
    deed: str
    subject: str
    detail: str = ""


class Store(Protocol):
    """Wishes and facts. Services write wishes, the reconciler writes facts; each method is one transaction.

    `find_…` returns None when there is none; `add_…` raises Conflict when the name is taken; `remove_…` of what is
    not there does nothing.
    """

    # People
    def add_user(self, user: User) -> None: ...
    def find_user(self, name: str) -> User | None: ...
    def list_users(self) -> Sequence[User]: ...
    def change_password(self, name: str, password_hash: str) -> None: ...

    # Projects
    def add_project(self, project: Project) -> Project:
        """Keep it under a new id (the given one is ignored) and return it so."""

    def find_project(self, route: str) -> Project | None: ...
    def list_projects(self) -> Sequence[Project]: ...
    def remove_project(self, route: str, at: datetime.datetime) -> None:
        """Remove it with its models, data sets, jobs and deployments; see `remove_deployment`."""

    # Models
    def add_version(self, version: ModelVersion) -> ModelVersion:
        """Keep it as the next version of its name (the given number is ignored) and return it so."""

    def find_version(self, route: str, model: str, version: int) -> ModelVersion | None: ...
    def find_model(self, route: str, model: str) -> Model | None: ...
    def list_models(self, route: str) -> Sequence[Model]: ...
    def list_versions(self, route: str, model: str) -> Sequence[ModelVersion]:
        """Newest first."""

    def put_permit(self, route: str, model: str, version: int, permit: Permit) -> None:
        """Keep a version's permit, in place of the one it has; NotFound when there is no such version."""

    def remove_model(self, route: str, model: str) -> None: ...
    def list_digests(self) -> frozenset[str]:
        """Digests that a version, a data set, a deployment, an open job or the result of a job still names."""

    # Data sets
    def add_dataset(self, dataset: DataSet) -> None: ...
    def find_dataset(self, route: str, name: str) -> DataSet | None: ...
    def list_datasets(self, route: str) -> Sequence[DataSet]:
        """By name."""

    def remove_dataset(self, route: str, name: str) -> None: ...

    # Runtimes
    def put_runtime(self, runtime: Runtime) -> None:
        """Keep it under its slug, in place of one that is there; the same once more changes nothing."""

    def find_runtime(self, slug: str) -> Runtime | None: ...
    def list_runtimes(self) -> Sequence[Runtime]: ...

    # Deployments: wishes
    def add_deployment(self, deployment: Deployment) -> Deployment:
        """Keep it under a new id, generation 1, and return it so."""

    def change_deployment(self, deployment: Deployment) -> Deployment:
        """Replace the wish of that id, with the next generation, and return it so; NotFound when it is gone."""

    def find_deployment(self, route: str, name: str) -> Deployment | None: ...
    def list_deployments(self, route: str | None = None) -> Sequence[Deployment]: ...
    def remove_deployment(self, route: str, name: str, at: datetime.datetime) -> None:
        """Remove wish and facts, and revoke its tokens as of `at`; the reconciler then removes what runs.

        Its tokens stay, revoked: a deployment of the same name that comes later must not be opened by them.
        """

    # Deployments: facts (the reconciler alone writes them)
    def write_status(self, deployment_id: int, status: DeploymentStatus) -> None:
        """Keep a status; nothing happens when the deployment is gone, or when only `updated` differs."""

    def find_status(self, deployment_id: int) -> DeploymentStatus | None: ...
    def write_observation(self, observation: Observation, at: datetime.datetime) -> None: ...
    def find_observation(self) -> tuple[Observation, datetime.datetime] | None: ...

    # Jobs: wishes, and facts of two writers; what has come to its end stays as it is
    def add_job(self, job: Job) -> Job:
        """Keep it under a new id, never used before, and return it so."""

    def find_job(self, route: str, id_: int) -> JobRecord | None: ...
    def list_jobs(self, route: str) -> Sequence[JobRecord]:
        """Newest first."""

    def find_open_job(self, id_: int) -> JobRecord | None:
        """Return a job of any project by its id alone; None when it is gone or has ended."""

    def list_open_jobs(self) -> Sequence[JobRecord]:
        """Those of all projects that have not ended, oldest first."""

    def list_failed_jobs(self, limit: int) -> Sequence[JobRecord]:
        """The newest of all projects that have failed, newest first."""

    def count_jobs(self) -> Mapping[JobState, JobCount]:
        """Return the jobs of all projects, each state that one of them is in."""

    def stop_job(self, route: str, id_: int, at: datetime.datetime) -> bool:
        """Mark it as stopped; return whether it was open: if not, nothing changes."""

    def remove_job(self, route: str, id_: int) -> None: ...
    def write_job_status(self, id_: int, status: JobStatus) -> bool:
        """Keep the reconciler's word; return whether the job was open: if not, nothing is kept."""

    def write_job_report(self, id_: int, report: JobReport) -> bool:
        """Keep the word of the job's process; return whether the job was open: if not, nothing is kept."""

    def write_job_log(self, id_: int, log: JobLog) -> None:
        """Keep what a job has printed, in place of what it had, after its end too; the reconciler alone writes it.

        Nothing happens when the job is gone, or when only `seen` differs.
        """

    def find_job_log(self, id_: int) -> JobLog | None: ...

    # Gateways: facts (the web process alone writes them, as they report)
    def write_report(self, report: GatewayReport) -> None:
        """Keep it as the last one of its gateway; those of a day before it go."""

    def list_reports(self) -> Sequence[GatewayReport]:
        """The last report of each gateway, by name."""

    # Tokens
    def add_token(self, token: Token) -> None: ...
    def list_tokens(self, deployment_id: int) -> Sequence[Token]:
        """Newest first."""

    def revoke_token(self, token_id: str, at: datetime.datetime) -> None:
        """Mark it as revoked; one that is revoked already keeps its time."""

    def list_revoked(self) -> Sequence[Token]:
        """Every revoked token; expired ones and those of removed deployments too, the caller decides."""

    # Audit
    def add_audit(self, entry: AuditEntry) -> int:
        """Return the entry's id."""

    def change_audit(self, id_: int, detail: str) -> None:
        """Write another detail into an entry; one that is not there is none."""

    def list_audit(self, limit: int = 200) -> Sequence[AuditEntry]:
        """Newest first."""

    # Change notice
    def find_wish_number(self) -> int:
        """A number that grows with every change of a wish, a runtime or a token: compare it to wake up."""

    def find_fact_number(self) -> int:
        """A number that grows with every change of a status or a report; one that differs in its time alone is none."""


class Blobs(Protocol):
    """Model files by digest, immutable."""

    def put(self, source: Iterator[bytes], limit: int) -> tuple[str, int]:
        """Keep the bytes and return ("sha256:…", size).

        Raises TooLarge past `limit` bytes and Unavailable when the disk is full; nothing is kept then, nor when the
        source itself raises.
        """

    def find(self, digest: str) -> Path | None:
        """Return the local path of a blob, or None."""

    def open(self, digest: str) -> BinaryIO:
        """Open a blob for reading; NotFound when there is none."""

    def remove(self, digest: str) -> None: ...
    def list(self) -> frozenset[str]: ...
    def collect(self, keep: frozenset[str], idle: float) -> frozenset[str]:
        """Remove what is not in `keep` and was not put within the last `idle` seconds; return what went.

        An upload that broke off and lies untouched for as long goes too. idle: longer than an upload waits for its
        inspection, because a digest is named only afterwards.
        """


class Folders(Protocol):
    """Models that are folders, on disks which the site has mounted."""

    def list_roots(self) -> Sequence[str]:
        """The places below which they may lie; none where the site has named none."""

    def measure(self, path: str, digest: str) -> int:
        """Return the bytes of a folder that is as its manifest says, which has this digest; Invalid otherwise."""


class Cluster(Protocol):
    """Where workloads run: Kubernetes or local processes. Only the reconciler (and tests) hold one."""

    def observe(self) -> Observation:
        """Return the whole truth now; Unavailable when the cluster does not answer."""

    def apply(self, action: Action) -> None:
        """Begin an action and return; can be repeated; progress is seen by observing."""

    def wait(self, seconds: float) -> bool:
        """Block until something may have changed (True) or `seconds` have passed (False)."""

    def read_logs(self, replica: str, lines: int) -> str:
        """Return the last lines of a replica's stdout and stderr; "" when it is gone."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the sandbox read out of a model file. sample: see ModelVersion."""

    format: str
    signature: Signature
    task: str
    libraries: dict[str, str]
    sample: object = None


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a runtime's libraries can read a file. refusal: why not, empty if so. here: the runtime's versions.

    warnings: what may differ where they can; each begins with one sentence of what and why, then says what to do.
    """

    refusal: str = ""
    hint: str = ""
    here: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TrialRun:
    """One test of a model. seconds: of the call; load_seconds: of loading the model before it."""

    ok: bool
    result: object
    stdout: str
    stderr: str
    device: str
    seconds: float
    load_seconds: float
    error: str = ""
    hint: str = ""


class Tester(Protocol):
    """The warm test runtime: opens files that nobody trusts, far from every key."""

    def inspect(self, runtime: str, digest: str, filename: str, override: bool = False) -> Inspection:
        """Read a signature; BadModel with the reason, Unavailable when no tester answers.

        DangerousModel, what the scanner refuses, is not raised with `override`.
        """

    def judge(self, runtime: str, libraries: Mapping[str, str]) -> Fit:
        """Compare the versions found in a file with a runtime's own; Unavailable, at once, when no tester answers."""

    def test(self, runtime: str, version: ModelVersion, function: str, args: object) -> TrialRun:
        """Load, call once, forget; past the scanner where the version has a permit.

        A model that fails is a TrialRun with ok=False; Unavailable as above.
        """


class Tokens(Protocol):
    """Signs and checks RS256 JWTs."""

    def sign(self, claims: dict[str, object]) -> str: ...
    def read(self, token: str) -> dict[str, object]:
        """Return the claims of a token signed here and not expired; Unauthenticated otherwise."""

    def jwks(self) -> dict[str, object]:
        """The public keys as a JSON Web Key Set, for the gateway."""

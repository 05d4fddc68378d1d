"""Jobs: a model run once over a whole data set. The wish, its process's reports, and what the cluster shows of it."""

import datetime
import re
from dataclasses import dataclass
from enum import StrEnum

from airgate_web.domain.amounts import Amounts
from airgate_web.domain.names import find_workload_name
from airgate_web.domain.task import DataFile, Run, Task, TaskKind
from airgate_web.domain.workload import Kind, ModelFile, Workload

METRICS_MAX = 100
PREFIX = "j"  # of a job's workload
WORKLOAD = re.compile(rf"{PREFIX}-.+-(\d+)-[0-9a-f]{{8}}")


class JobState(StrEnum):
    """One word for a job. The last three are for ever."""

    WAITING = "Waiting"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"


@dataclass(frozen=True, slots=True)
class Job:
    """A wish: run this version over that data set. id: also the number that people know it by.

    dataset: its name; it may be removed meanwhile, its file stays until the job has ended. image: of the worker when
    the wish was made. stopped: when somebody had enough of it.
    """

    id: int
    route: str  # of its project
    model: ModelFile
    dataset: str
    data: DataFile
    task: Task
    runtime: str  # slug of a worker
    image: str
    amounts: Amounts
    created: datetime.datetime
    created_by: str
    stopped: datetime.datetime | None = None

    @property
    def owner(self) -> str:
        """Whom people know it by."""
        return f"{self.route}/job-{self.id}"


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure of an evaluation. rating: bad, fair, good, or "" where nobody says what is good."""

    name: str
    value: float
    rating: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """The file of predictions. digest: "sha256:…". size: bytes."""

    digest: str
    size: int
    filename: str


@dataclass(frozen=True, slots=True)
class JobReport:
    """Facts as the job's process tells them; written by the web process alone.

    rows: answered so far. of: rows there are, None while nobody has counted. started, reported: when it first and last
    said something. ended: it will say no more, and either `error` tells why it failed, or it succeeded.
    """

    started: datetime.datetime
    reported: datetime.datetime
    rows: int = 0
    of: int | None = None
    metrics: tuple[Metric, ...] = ()
    result: Result | None = None
    error: str = ""
    ended: bool = False


@dataclass(frozen=True, slots=True)
class JobStatus:
    """Facts as the cluster shows them; written by the reconciler alone: Waiting, Running, or Failed for good.

    sentence: why it waits or has failed; empty while it runs. ended: when it had failed.
    """

    state: JobState
    sentence: str = ""
    ended: datetime.datetime | None = None


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A wish and what became of it. status: None until the reconciler has seen it. report: None until it has begun."""

    job: Job
    status: JobStatus | None = None
    report: JobReport | None = None

    @property
    def state(self) -> JobState:
        """The word for it. Its process's last word counts most, because that came with the result."""
        if self.report and self.report.ended:
            return JobState.FAILED if self.report.error else JobState.SUCCEEDED
        if self.job.stopped:
            return JobState.STOPPED
        return self.status.state if self.status else JobState.WAITING

    @property
    def is_open(self) -> bool:
        """Whether it is still to be run."""
        return self.state in (JobState.WAITING, JobState.RUNNING)

    @property
    def sentence(self) -> str:
        """Why it waits or has failed; empty otherwise."""
        if self.report and self.report.ended:
            return self.report.error
        if self.job.stopped:
            return ""
        return self.status.sentence if self.status else "Waits for the reconciler to see it."

    @property
    def started(self) -> datetime.datetime | None:
        """When its process began; None while it waits."""
        return self.report.started if self.report else None

    @property
    def ended(self) -> datetime.datetime | None:
        """When it came to its end, or was stopped; None while it is open."""
        if self.report and self.report.ended:
            return self.report.reported
        return self.job.stopped or (self.status.ended if self.status else None)

    @property
    def digests(self) -> frozenset[str]:
        """The files it names: what it reads while it is open, and what it has made."""
        read = {self.job.model.digest, self.job.data.digest} if self.is_open else set()
        made = {self.report.result.digest} if self.report and self.report.result else set()
        return frozenset(read | made)


@dataclass(frozen=True, slots=True)
class JobCount:
    """How many jobs, and how many rows they have answered together."""

    jobs: int = 0
    rows: int = 0


def find_job_workload(job: Job, secret: str) -> Workload:
    """Return the workload that carries out a job. secret: by which its process reports, see `find_job_secret`."""
    return Workload(
        name=find_job_name(job),
        kind=Kind.JOB,
        owner=job.owner,
        image=job.image,
        amounts=job.amounts,
        replicas=1,
        gate_secret=secret,
        model=job.model,
        run=Run(job.id, job.task, job.data),
    )


def find_job_name(job: Job) -> str:
    """Return what the workload of a job is called. Its number is in there whole, however long the route."""
    return find_workload_name(PREFIX, job.route, str(job.id))


def find_job_number(name: str) -> int:
    """Return the number of the job whose workload is called so, 0 when no job's is: also of one that has ended."""
    found = WORKLOAD.fullmatch(name)
    return int(found[1]) if found else 0


def find_result_name(job: Job) -> str:
    """Return what the file of predictions is called: after its data set, the model and the kind of rows."""
    return f"{job.dataset}-{job.model.name}-v{job.model.version}.{job.data.kind}"


def describe_job(job: Job) -> str:
    """Return a wish in a few words, for the audit."""
    deed = "predictions" if job.task.kind is TaskKind.BATCH else "evaluation"
    return f"{deed} of {job.dataset} by {job.model.name} v{job.model.version} in {job.runtime}"

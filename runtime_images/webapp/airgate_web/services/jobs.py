"""Jobs: starting one, stopping and removing it, and looking at what became of it."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from airgate_web.domain.amounts import Amounts, read_amounts
from airgate_web.domain.errors import Conflict, Invalid, NotFound
from airgate_web.domain.explain import explain_impossible
from airgate_web.domain.functions import PREDICT
from airgate_web.domain.job import Job, JobRecord, describe_job
from airgate_web.domain.job_log import JobLog
from airgate_web.domain.model import ModelVersion
from airgate_web.domain.task import CHUNK, DataFile, TaskKind, read_rows_kind, read_task
from airgate_web.domain.user import User
from airgate_web.domain.workload import Kind, ModelFile, Observation
from airgate_web.services.datasets import find_dataset
from airgate_web.services.datasets import find_file as find_data
from airgate_web.services.deployments import find_file as find_model_file
from airgate_web.services.desk import Desk
from airgate_web.services.models import LATEST, find_version, remove_unused
from airgate_web.services.projects import find_project
from airgate_web.services.runtimes import find_worker
from airgate_web.services.scanning import require_allowed

NUMBER_MAX = 2**31 - 1  # what a database takes as an id
NEWS = datetime.timedelta(days=1)  # for so long a job that failed is news: who was away at night hears of it
NEWS_MOST = 3  # jobs


@dataclass(frozen=True, slots=True)
class JobWish:
    """What a person asks for, as written; numbers may still be text.

    task: "batch" or "evaluate". runtime: slug or name of a worker, one that fits when empty. keep: columns copied
    beside the predictions, a list or a text with commas. target: the column with the right answers. measure: how an
    evaluation judges, as the model says when empty. chunk: rows at a time. cpu: cores. memory: GiB.
    """

    model: str
    dataset: str
    task: str = TaskKind.BATCH
    version: str | int = LATEST
    runtime: str = ""
    keep: object = ()
    target: str = ""
    measure: str = ""
    chunk: object = CHUNK
    cpu: object = 1
    memory: object = 2


def start_job(desk: Desk, user: User, route: str, wish: JobWish) -> Job:
    """Wish for a job and return it; Invalid or NotFound, each with one sentence."""
    job = desk.store.add_job(read_wish(desk, user, route, wish))
    desk.note(user, "start", f"job {job.owner}", describe_job(job))
    return job


def read_wish(desk: Desk, user: User, route: str, wish: JobWish) -> Job:
    """Return a wish with everything in it found and in range; raise a Refusal otherwise."""
    version = find_version(desk, route, wish.model, wish.version)
    runtime = find_worker(desk, version, wish.runtime)
    return Job(
        id=0,  # the store counts
        route=route,
        model=read_model(version),
        dataset=wish.dataset,
        data=read_data(desk, route, wish.dataset),
        task=read_task(wish.task, wish.keep, wish.target, wish.measure, wish.chunk, version.task),
        runtime=runtime.slug,
        image=runtime.image,
        amounts=read_possible(desk, wish),
        created=desk.clock.now(),
        created_by=user.name,
    )


def read_model(version: ModelVersion) -> ModelFile:
    """Return the file that a job opens; Invalid for a version that no job may open."""
    require_allowed(version)
    if not version.signature.has_predict:
        raise Invalid(
            f"The model '{version.model}' has no function {PREDICT}, which a job runs.",
            "Deploy it and call its functions by name, or save it with a signature serving_default.",
        )
    if version.path:
        raise Invalid(
            f"The model '{version.model}' is a folder, which no job reads.", "Deploy it, or upload a version as a file."
        )
    if version.override:
        raise Invalid(
            f"Version {version.version} of '{version.model}' was allowed past the scanner, for tests and deployments "
            "alone.",
            "Choose a version that the scanner takes.",
        )
    return find_model_file(version)


def read_data(desk: Desk, route: str, name: str) -> DataFile:
    """Return a data set's file as a job reads it; NotFound when it is not there, Invalid when no job can read it."""
    if not name:
        raise Invalid("No data set is named.", "Choose one of the project's data sets, or upload one.")
    dataset = find_dataset(desk, route, name)
    find_data(desk, dataset)
    return DataFile(dataset.filename, read_rows_kind(dataset.filename), dataset.digest, dataset.size)


def read_possible(desk: Desk, wish: JobWish) -> Amounts:
    """Return the amounts of a wish; Invalid when no node that was last seen could ever hold it."""
    amounts = read_amounts(wish.cpu, wish.memory, 0, "")
    seen = desk.store.find_observation()
    sentence, hint = explain_impossible(Kind.JOB, amounts, seen[0] if seen else Observation())
    if sentence:
        raise Invalid(sentence, hint)
    return amounts


def list_jobs(desk: Desk, route: str) -> Sequence[JobRecord]:
    """Return a project's jobs, newest first; NotFound when there is no such project."""
    find_project(desk, route)
    return desk.store.list_jobs(route)


def list_lately_failed(desk: Desk) -> list[JobRecord]:
    """Return the newest jobs of all projects that failed within the last day, newest first."""
    since = desk.clock.now() - NEWS
    return [record for record in desk.store.list_failed_jobs(NEWS_MOST) if record.ended and record.ended >= since]


def find_job(desk: Desk, route: str, number: int) -> JobRecord:
    """Return a job with what became of it; NotFound when there is none."""
    record = desk.store.find_job(route, number) if 0 < number <= NUMBER_MAX else None
    if record is None:
        find_project(desk, route)
        raise NotFound(f"There is no job {number} in project '{route}'.", "Choose one of its list of jobs.")
    return record


def find_result(desk: Desk, record: JobRecord) -> tuple[Path, str]:
    """Return where a job's predictions lie, and what the file is called; NotFound when there are none."""
    result = record.report.result if record.report else None
    if result is None:
        raise NotFound(
            f"Job {record.job.id} has no file of predictions; it is {record.state}.",
            "Wait until it has succeeded." if record.is_open else "Start another one for predictions.",
        )
    path = desk.blobs.find(result.digest)
    if path is None:
        raise NotFound(f"The predictions of job {record.job.id} are missing.", "Restore them from a backup.")
    return path, result.filename


def find_log(desk: Desk, record: JobRecord) -> JobLog | None:
    """Return the last lines that a job has printed, or None; see `explain_no_log`."""
    return desk.store.find_job_log(record.job.id)


def stop_job(desk: Desk, user: User, route: str, number: int) -> JobRecord:
    """Stop a job and return it; Conflict when it has ended already."""
    record = find_job(desk, route, number)
    if not desk.store.stop_job(route, number, desk.clock.now()):
        raise Conflict(f"Job {number} has ended already: {find_job(desk, route, number).state}.")
    desk.note(user, "stop", f"job {record.job.owner}")
    return find_job(desk, route, number)


def remove_job(desk: Desk, user: User, route: str, number: int) -> None:
    """Remove a job with its predictions; one that runs ends."""
    record = find_job(desk, route, number)
    desk.store.remove_job(route, number)
    for digest in record.digests:
        with desk.uploads.hold(digest, partial(remove_unused, desk, digest)):
            pass  # the last to leave removes the file
    desk.note(user, "remove", f"job {record.job.owner}")

"""Jobs: wishes in, wishes with what became of them out, what they print, and the predictions as a file."""

from fastapi import APIRouter
from fastapi.responses import FileResponse

from airgate_web.api.access import Asking, AtDesk
from airgate_web.api.shapes.deployments import ModelFileAnswer
from airgate_web.api.shapes.jobs import JobAnswer, JobBody, JobLogAnswer, MetricAnswer, ResultAnswer
from airgate_web.domain.amounts import MIB_A_GIB, MILLIS_A_CORE
from airgate_web.domain.job import JobRecord
from airgate_web.domain.job_log import explain_no_log
from airgate_web.services.jobs import (
    JobWish,
    find_job,
    find_log,
    find_result,
    list_jobs,
    remove_job,
    start_job,
    stop_job,
)

router = APIRouter(prefix="/projects/{route}/jobs")


@router.get("")
def read_jobs(route: str, desk: AtDesk, _user: Asking) -> list[JobAnswer]:
    """A project's jobs, newest first."""
    return [show_job(record) for record in list_jobs(desk, route)]


@router.post("", status_code=201)
def make_job(route: str, body: JobBody, desk: AtDesk, user: Asking) -> JobAnswer:
    """Run a model once over a whole data set, for predictions or to see how good they are."""
    job = start_job(desk, user, route, JobWish(**body.model_dump()))
    return show_job(find_job(desk, route, job.id))


@router.get("/{number}")
def read_job(route: str, number: int, desk: AtDesk, _user: Asking) -> JobAnswer:
    """One job with its state, its progress and its metrics."""
    return show_job(find_job(desk, route, number))


@router.post("/{number}/stop")
def end_job(route: str, number: int, desk: AtDesk, user: Asking) -> JobAnswer:
    """Stop a job; what it has done so far is lost."""
    return show_job(stop_job(desk, user, route, number))


@router.get("/{number}/log")
def read_log(route: str, number: int, desk: AtDesk, _user: Asking) -> JobLogAnswer:
    """The last lines that a job has printed, also after its end."""
    record = find_job(desk, route, number)
    log = find_log(desk, record)
    if log is None:
        return JobLogAnswer(text="", seen=None, sentence=explain_no_log(record))
    return JobLogAnswer(text=log.text, seen=log.seen, sentence="")


@router.get("/{number}/result")
def download_result(route: str, number: int, desk: AtDesk, _user: Asking) -> FileResponse:
    """The predictions. They are never shown by the browser itself: a model has written them."""
    path, filename = find_result(desk, find_job(desk, route, number))
    headers = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
    return FileResponse(path, media_type="application/octet-stream", filename=filename, headers=headers)


@router.delete("/{number}", status_code=204)
def delete_job(route: str, number: int, desk: AtDesk, user: Asking) -> None:
    """Remove a job and its predictions; one that runs ends."""
    remove_job(desk, user, route, number)


def show_job(record: JobRecord) -> JobAnswer:
    """Return a job as JSON has it."""
    job, report = record.job, record.report
    return JobAnswer(
        number=job.id,
        project=job.route,
        model=ModelFileAnswer.model_validate(job.model),
        dataset=job.dataset,
        task=job.task.kind,
        runtime=job.runtime,
        keep=list(job.task.keep),
        target=job.task.target,
        measure=job.task.measure,
        chunk=job.task.chunk,
        cpu=job.amounts.cpu_millis / MILLIS_A_CORE,
        memory=job.amounts.memory_mib / MIB_A_GIB,
        state=record.state,
        sentence=record.sentence,
        rows=report.rows if report else 0,
        of=report.of if report else None,
        metrics=[MetricAnswer.model_validate(metric) for metric in (report.metrics if report else ())],
        result=ResultAnswer.model_validate(report.result) if report and report.result else None,
        created=job.created,
        created_by=job.created_by,
        started=record.started,
        ended=record.ended,
    )

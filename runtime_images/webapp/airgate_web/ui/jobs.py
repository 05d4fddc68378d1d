"""Jobs as a table, and the words for them that several pages share."""

from collections.abc import Sequence

from airgate_web.domain.job import Job, JobRecord
from airgate_web.domain.task import TaskKind
from airgate_web.ui.parts import THIN
from airgate_web.ui.tables import Cell, Column, show_table_card

JOBS = (
    Column("number", "Job"),
    Column("state", "State"),
    Column("progress", "Rows"),
    Column("task", "Task"),
    Column("model", "Model"),
    Column("dataset", "Data set"),
    Column("started", "Started"),
)
TASKS = {TaskKind.BATCH: "Predictions", TaskKind.EVALUATE: "Evaluation"}


def show_job_table(records: Sequence[JobRecord], empty: str) -> None:
    """Draw jobs as a table."""
    show_table_card("", JOBS, [make_row(record) for record in records], empty)


def make_row(record: JobRecord) -> dict[str, object]:
    """Return a job as a row."""
    job = record.job
    home, page = f"/projects/{job.route}", find_job_page(job)
    return {
        "number": Cell(write_job(job), page, sort=job.id),
        "state": record.state,
        "progress": Cell(write_progress(record), sort=record.report.rows if record.report else 0),
        "task": TASKS[job.task.kind],
        "model": Cell(f"{job.model.name} v{job.model.version}", f"{home}/models/{job.model.name}"),
        "dataset": Cell(job.dataset, f"{home}/datasets/{job.dataset}"),
        "started": record.started or "–",
        "open": page,
    }


def find_job_page(job: Job) -> str:
    """Return the address of a job's page."""
    return f"/projects/{job.route}/jobs/{job.id}"


def write_job(job: Job) -> str:
    """Return what a job is called."""
    return f"Job {job.id}"


def write_progress(record: JobRecord) -> str:
    """Return how far a job is: "500 of 1 000", "500" while nobody has counted, "–" before the first row."""
    report = record.report
    if report is None or not (report.rows or report.of):
        return "–"
    return write_number(report.rows) + (f" of {write_number(report.of)}" if report.of is not None else "")


def write_number(number: int) -> str:
    """Return a whole number with thin separators."""
    return f"{number:,}".replace(",", THIN)

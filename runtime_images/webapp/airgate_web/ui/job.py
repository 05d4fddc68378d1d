"""A job: how far it is, why it failed if it did, its predictions or its metrics, and what it printed."""

from dataclasses import dataclass
from html import escape

from nicegui import ui

from airgate_web.domain.errors import NotFound
from airgate_web.domain.job import Job, JobRecord, JobState, Metric
from airgate_web.domain.job_log import JobLog, explain_no_log
from airgate_web.domain.project import Project
from airgate_web.domain.runtime import Runtime
from airgate_web.domain.task import TaskKind
from airgate_web.services.desk import Desk
from airgate_web.services.jobs import find_job, find_log, remove_job, stop_job
from airgate_web.services.projects import find_project
from airgate_web.ui.frame import frame
from airgate_web.ui.head import Deed, show_head
from airgate_web.ui.jobs import TASKS, find_job_page, write_job, write_number, write_progress
from airgate_web.ui.live import LivePlace
from airgate_web.ui.parts import (
    box,
    card,
    make_age,
    make_badge,
    make_chip,
    make_dot,
    make_link,
    show_attention,
    show_code,
    show_facts,
    show_html,
    show_note,
    show_text,
    write_cores,
    write_size,
)
from airgate_web.ui.sheets import ask_before, ask_for_name
from airgate_web.ui.visit import Visit

DOTS = {"good": "ready", "fair": "waiting", "bad": "failed"}  # the colours that those words have elsewhere


@dataclass(frozen=True, slots=True)
class JobSight:
    """What the page shows."""

    project: Project
    record: JobRecord
    runtime: Runtime | None


@dataclass(frozen=True, slots=True)
class LogSight:
    """What the page shows of a log: the log, or why there is none; neither of a job that is gone."""

    log: JobLog | None
    why: str


async def draw_job(visit: Visit, route: str, number: str) -> None:
    """Draw a job's page."""
    sight = await visit.ask(find_sight, visit.desk, route, number)
    crumbs = (("Projects", "/projects"), (sight.project.name, f"/projects/{route}?tab=jobs"), (f"Job {number}", ""))
    with frame(visit, "Projects", crumbs):
        LivePlace(visit, sight, lambda: find_sight(visit.desk, route, number), lambda now: show_job(visit, now))
        # A place of its own: whoever reads it is not thrown back by each word of progress.
        printed = await visit.ask(find_log_sight, visit.desk, route, number)
        LivePlace(visit, printed, lambda: find_log_sight(visit.desk, route, number), show_log)


def find_sight(desk: Desk, route: str, number: str) -> JobSight:
    """Return what the page shows now; NotFound when there is no such job."""
    record = find_record(desk, route, number)
    return JobSight(find_project(desk, route), record, desk.store.find_runtime(record.job.runtime))


def find_log_sight(desk: Desk, route: str, number: str) -> LogSight:
    """Return what there is to read of a job's log now."""
    try:
        record = find_record(desk, route, number)
    except NotFound:  # the page says so above
        return LogSight(None, "")
    log = find_log(desk, record)
    return LogSight(log, "" if log else explain_no_log(record))


def find_record(desk: Desk, route: str, number: str) -> JobRecord:
    """Return the job of an address; NotFound when there is none."""
    return find_job(desk, route, int(number) if number.isdecimal() else 0)


def show_job(visit: Visit, sight: JobSight) -> None:
    """Draw state first, then trouble, then what came of it, then what was asked for."""
    record, job = sight.record, sight.record.job
    show_head(write_job(job), make_chip(record.state) + make_badge(TASKS[job.task.kind]), list_deeds(visit, record))
    if record.state is JobState.FAILED:
        show_attention(record.sentence)
    elif record.sentence:
        show_note(record.sentence)
    with box("wide-narrow"):
        with box("stack"):
            show_progress(record)
            if record.report and record.report.metrics:
                show_metrics(record.report.metrics)
        show_wish(sight)


def list_deeds(visit: Visit, record: JobRecord) -> list[Deed]:
    """Return what can be done about a job as it is now."""
    deeds = []
    if record.report and record.report.result:
        file = f"/api/v2{find_job_page(record.job)}/result"
        deeds.append(Deed("Download predictions", "download", "deed", file))
    if record.is_open:
        deeds.append(Deed("Stop", "stop", do=lambda: ask_to_stop(visit, record.job)))
    return [*deeds, Deed("Delete", "delete", "danger", do=lambda: ask_to_remove(visit, record.job))]


def show_progress(record: JobRecord) -> None:
    """Draw how many rows are answered, and when that was."""
    report = record.report
    with card("Progress"):
        if report and report.of:
            show_html(f'<i style="width:{100 * min(1.0, report.rows / report.of):.1f}%"></i>', "meter")
        result = report.result if report else None
        size = f"{escape(result.filename)}, {write_size(result.size)}" if result else ""
        facts = [
            ("Rows", write_progress(record)),
            ("Started", make_age(record.started)),
            ("Ended", make_age(record.ended)),
            *([("Predictions", size)] if size else []),
        ]
        show_facts(facts)


def show_metrics(metrics: tuple[Metric, ...]) -> None:
    """Draw the metrics, each with its rating."""
    with card("Metrics"):
        show_facts([(metric.name.replace("_", " "), write_metric(metric)) for metric in metrics])


def write_metric(metric: Metric) -> str:
    """Return a figure and its rating as markup."""
    value = write_number(int(metric.value)) if metric.value.is_integer() else f"{metric.value:.4g}"
    return f"{value}&ensp;{make_dot(DOTS[metric.rating], metric.rating)}" if metric.rating else value


def show_wish(sight: JobSight) -> None:
    """Draw what was asked for."""
    job, task = sight.record.job, sight.record.job.task
    home = f"/projects/{job.route}"
    kept = escape(", ".join(task.keep)) or "none"
    evaluated = [("Judged as", task.measure), ("Right answers", escape(task.target) or "none")]
    with card("Asked for"):
        show_facts(
            [
                ("Model", make_link(f"{job.model.name} v{job.model.version}", f"{home}/models/{job.model.name}")),
                ("Data set", make_link(job.dataset, f"{home}/datasets/{job.dataset}")),
                *([("Columns kept", kept)] if task.kind is TaskKind.BATCH else evaluated),
                ("Rows at a time", write_number(task.chunk)),
                ("Runtime", make_link(sight.runtime.name if sight.runtime else job.runtime, "/runtimes")),
                ("CPU", write_cores(job.amounts.cpu_millis)),
                ("Memory", f"{job.amounts.memory_mib / 1024:g} GiB"),
                ("Asked", f"{make_age(job.created)} · {escape(job.created_by)}"),
            ]
        )


def show_log(sight: LogSight) -> None:
    """Draw the last lines that the job has printed, the newest in view."""
    if sight == LogSight(None, ""):
        return
    with card("Log"):
        if sight.log is None:
            show_text(sight.why, "mute")
            return
        show_html(f"Last printed: {make_age(sight.log.seen)}", "mute small")
        with box("tail"):
            show_code(sight.log.text)


async def ask_to_stop(visit: Visit, job: Job) -> None:
    """Ask before what was done so far is lost."""

    async def stop() -> None:
        await visit.act(stop_job, visit.desk, visit.user, job.route, job.id)

    ask_before(f"Stop job {job.id}", "What it has done so far is lost.", "Stop job", stop)


async def ask_to_remove(visit: Visit, job: Job) -> None:
    """Ask for the job's name before its predictions are lost."""

    async def remove() -> None:
        await visit.act(remove_job, visit.desk, visit.user, job.route, job.id)
        ui.navigate.to(f"/projects/{job.route}?tab=jobs")

    consequence = "Its predictions and metrics are lost; if it runs, it ends. Model and data set stay."
    ask_for_name("Delete", f"job-{job.id}", consequence, remove)

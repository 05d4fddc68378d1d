"""What jobs' own processes report, kept as facts: progress, and at the end metrics, predictions or a sentence."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from functools import partial

from airgate_web.domain.errors import Conflict, Invalid, TooLarge
from airgate_web.domain.job import METRICS_MAX, JobRecord, JobReport, Metric, Result, find_result_name
from airgate_web.domain.names import read_title
from airgate_web.services.desk import Desk
from airgate_web.services.models import remove_unused

RATINGS = ("", "bad", "fair", "good")
ERROR_MAX = 1000  # characters


def keep_progress(desk: Desk, id_: int, rows: int | None, of: int | None) -> None:
    """Keep how far a job is; what is None is as it was. Conflict when nobody wants the job any more."""
    keep(desk, id_, extend_report(desk, find_wanted(desk, id_), rows, of))


def keep_end(desk: Desk, id_: int, rows: int | None, of: int | None, metrics: Sequence[Metric], error: str) -> None:
    """Keep how a job has ended: with metrics, or why it failed. Conflict as above, Invalid for what is no figure."""
    report = extend_report(desk, find_wanted(desk, id_), rows, of)
    error = "".join(letter if letter.isprintable() else " " for letter in error)[:ERROR_MAX].strip()
    keep(desk, id_, dataclasses.replace(report, metrics=read_metrics(metrics), error=error, ended=True))


def keep_result(desk: Desk, id_: int, rows: int | None, source: Iterator[bytes]) -> None:
    """Keep the predictions of a job, which end it. Conflict as above; TooLarge, and Unavailable when the disk is full.

    source: the file in chunks, read once. One that is too large ends the job too: a second try would be as large.
    """
    record = find_wanted(desk, id_)
    try:
        digest, size = desk.blobs.put(source, desk.upload_limit)
    except TooLarge as why:
        keep_end(desk, id_, rows, None, (), f"The predictions are too large. {why.sentence}")
        raise
    with desk.uploads.hold(digest, partial(remove_unused, desk, digest)):
        report = extend_report(desk, record, rows, None)
        result = Result(digest, size, find_result_name(record.job))
        keep(desk, id_, dataclasses.replace(report, of=report.rows, result=result, ended=True))


def find_wanted(desk: Desk, id_: int) -> JobRecord:
    """Return a job that is open; Conflict when it was removed or stopped, or has ended."""
    record = desk.store.find_open_job(id_)
    if record is None:
        raise Conflict(f"Job {id_} is not wanted any more.")
    return record


def extend_report(desk: Desk, record: JobRecord, rows: int | None, of: int | None) -> JobReport:
    """Return a job's report as of now."""
    now = desk.clock.now()
    last = record.report or JobReport(now, now)
    rows, of = last.rows if rows is None else rows, last.of if of is None else of
    return dataclasses.replace(last, reported=now, rows=rows, of=of)


def keep(desk: Desk, id_: int, report: JobReport) -> None:
    """Keep a report; Conflict when the job has ended a moment ago."""
    if not desk.store.write_job_report(id_, report):
        raise Conflict(f"Job {id_} is not wanted any more.")


def read_metrics(metrics: Sequence[Metric]) -> tuple[Metric, ...]:
    """Return figures that can be kept and shown; Invalid otherwise."""
    if len(metrics) > METRICS_MAX:
        raise Invalid(f"There are {len(metrics)} metrics, {METRICS_MAX} fit.")
    for metric in metrics:
        read_title("The name of a metric", metric.name)
        if not math.isfinite(metric.value) or metric.rating not in RATINGS:
            raise Invalid(f"The metric '{metric.name}' is no figure with a rating.")
    return tuple(metrics)

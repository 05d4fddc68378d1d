"""Jobs: the wish, and beside it the words of the reconciler and of the job's own process."""

import dataclasses
import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, case, cast, func, select

from airgate_web.adapters.store_sql.engine import Door, count_up
from airgate_web.adapters.store_sql.projects import hold_project
from airgate_web.adapters.store_sql.rows import AnyRow
from airgate_web.adapters.store_sql.tables import job_logs, jobs, projects
from airgate_web.domain.job import Job, JobCount, JobRecord, JobReport, JobState, JobStatus
from airgate_web.domain.job_log import JobLog
from airgate_web.domain.plain import make_plain, read_plain

# What JobRecord.state says and JobReport.rows holds, where no record is read. A cast to Integer would be too small.
ENDED = jobs.c.report["ended"].as_boolean()
STATE = case(
    (and_(ENDED, jobs.c.report["error"].as_string() != ""), JobState.FAILED.value),
    (ENDED, JobState.SUCCEEDED.value),
    (jobs.c.stopped.is_not(None), JobState.STOPPED.value),
    else_=func.coalesce(jobs.c.status["state"].as_string(), JobState.WAITING.value),
)
ROWS = func.coalesce(func.sum(cast(jobs.c.report["rows"].as_string(), BigInteger)), 0)


class Jobs(Door):
    """The part of the Store about jobs."""

    def add_job(self, job: Job) -> Job:
        """Keep it under a new id, never used before, and return it so; NotFound when there is no such project."""
        with self._write("wish") as connection:
            row = {"project_id": hold_project(connection, job.route), "wish": make_plain(job), "is_open": True}
            done = connection.execute(jobs.insert().values(row).returning(jobs.c.id))
            return dataclasses.replace(job, id=done.scalar_one())

    def find_job(self, route: str, id_: int) -> JobRecord | None:
        """Return a job or None."""
        return self._find(projects.c.route == route, jobs.c.id == id_)

    def find_open_job(self, id_: int) -> JobRecord | None:
        """Return a job of any project by its id alone; None when it is gone or has ended."""
        return self._find(jobs.c.is_open, jobs.c.id == id_)

    def list_jobs(self, route: str) -> Sequence[JobRecord]:
        """Return the jobs of a project, newest first."""
        return self._list(select_jobs(projects.c.route == route).order_by(jobs.c.id.desc()))

    def list_open_jobs(self) -> Sequence[JobRecord]:
        """Return those of all projects that have not ended, oldest first."""
        return self._list(select_jobs(jobs.c.is_open).order_by(jobs.c.id))

    def list_failed_jobs(self, limit: int) -> Sequence[JobRecord]:
        """Return the newest of all projects that have failed, newest first."""
        return self._list(select_jobs(STATE.in_([JobState.FAILED.value])).order_by(jobs.c.id.desc()).limit(limit))

    def count_jobs(self) -> Mapping[JobState, JobCount]:
        """Return the jobs of all projects, each state that one of them is in."""
        counted = select(STATE.label("state"), func.count(), ROWS).group_by("state")
        with self._read() as connection:
            return {JobState(state): JobCount(count, int(rows)) for state, count, rows in connection.execute(counted)}

    def stop_job(self, route: str, id_: int, at: datetime.datetime) -> bool:
        """Mark it as stopped; return whether it was open: if not, nothing changes."""
        with self._write() as connection:
            record = hold_open(connection, projects.c.route == route, jobs.c.id == id_)
            if record is not None:
                connection.execute(jobs.update().where(jobs.c.id == id_).values(stopped=at, is_open=False))
                count_up(connection, "wish")
            return record is not None

    def remove_job(self, route: str, id_: int) -> None:
        """Remove wish and facts."""
        project = select(projects.c.id).where(projects.c.route == route).scalar_subquery()
        with self._write() as connection:
            done = connection.execute(jobs.delete().where(jobs.c.project_id == project, jobs.c.id == id_))
            if done.rowcount:
                count_up(connection, "wish")

    def write_job_status(self, id_: int, status: JobStatus) -> bool:
        """Keep the reconciler's word; return whether the job was open: if not, nothing is kept."""
        return self._write_word(id_, status=status)

    def write_job_report(self, id_: int, report: JobReport) -> bool:
        """Keep the word of the job's process; return whether the job was open: if not, nothing is kept."""
        return self._write_word(id_, report=report)

    def write_job_log(self, id_: int, log: JobLog) -> None:
        """Keep what a job has printed; nothing happens when the job is gone, or when only `seen` differs."""
        mine = job_logs.c.job_id == id_
        with self._write() as connection:
            if connection.execute(select(jobs.c.id).where(jobs.c.id == id_).with_for_update()).scalar() is None:
                return
            if connection.execute(select(job_logs.c.text).where(mine)).scalar() == log.text:
                return
            connection.execute(job_logs.delete().where(mine))
            connection.execute(job_logs.insert().values(job_id=id_, text=log.text, seen=log.seen))
            count_up(connection, "fact")

    def find_job_log(self, id_: int) -> JobLog | None:
        """Return what a job has printed, or None."""
        with self._read() as connection:
            row = connection.execute(select(job_logs).where(job_logs.c.job_id == id_)).first()
            return JobLog(row.text, row.seen) if row else None

    def _write_word(self, id_: int, **word: JobStatus | JobReport) -> bool:
        with self._write() as connection:
            before = hold_open(connection, jobs.c.id == id_)
            if before is None:
                return False
            after = dataclasses.replace(before, **word)  # type: ignore[arg-type]
            if after != before:
                plain = {name: make_plain(value) for name, value in word.items()}
                connection.execute(jobs.update().where(jobs.c.id == id_).values(is_open=after.is_open, **plain))
                count_up(connection, "fact")
            return True

    def _find(self, *conditions: ColumnElement[bool]) -> JobRecord | None:
        with self._read() as connection:
            row = connection.execute(select_jobs(*conditions)).first()
            return read_job(row) if row else None

    def _list(self, query: Select[Any]) -> Sequence[JobRecord]:
        with self._read() as connection:
            return [read_job(row) for row in connection.execute(query)]


def hold_open(connection: Connection, *conditions: ColumnElement[bool]) -> JobRecord | None:
    """Return a job that is open and hold its row until the transaction ends; None when there is none."""
    row = connection.execute(select_jobs(jobs.c.is_open, *conditions).with_for_update(of=jobs)).first()
    return read_job(row) if row else None


def select_jobs(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the query of jobs with their project's route."""
    return select(jobs, projects.c.route).select_from(jobs.join(projects)).where(*conditions)


def read_job(row: AnyRow) -> JobRecord:
    """Return the job of a row of `jobs` joined with its project's `route`."""
    wish: Job = read_plain(Job, row.wish)
    job = dataclasses.replace(wish, id=row.id, route=row.route, stopped=row.stopped)
    return JobRecord(job, read_plain(JobStatus | None, row.status), read_plain(JobReport | None, row.report))

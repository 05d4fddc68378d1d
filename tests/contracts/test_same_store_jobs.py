"""Jobs in every Store: the wish, the two words on what became of it, and an end that stays the end."""

import dataclasses
import datetime

import pytest

from airgate_web.domain.errors import NotFound
from airgate_web.domain.job import JobCount, JobRecord, JobState, JobStatus, Metric, Result
from airgate_web.domain.job_log import JobLog
from airgate_web.domain.task import Task, TaskKind
from tests.fakes.samples import DIGEST, NOON, make_job, make_job_report, make_project

LATER = NOON + datetime.timedelta(hours=1)
RUNS, WAITS = JobStatus(JobState.RUNNING), JobStatus(JobState.WAITING, "Asks 9 cores: ask for less.")
GAVE_UP = JobStatus(JobState.FAILED, "It ended three times.", LATER)
RESULT = Result("sha256:" + "9" * 64, 7_000_000_000, "iris-digits-v1.csv")
DONE = make_job_report(rows=1000, result=RESULT, ended=True)


@pytest.fixture
def job(store):
    """One job that waits."""
    store.add_project(make_project())
    return store.add_job(make_job())


def test_a_job_is_found_as_it_was_wished(store, job):
    """Model, data, columns and amounts are those that somebody chose; its number is nobody else's."""
    evaluation = Task(TaskKind.EVALUATE, target="ripe", measure="classification")
    second = store.add_job(make_job(task=evaluation, created=LATER))
    assert job == dataclasses.replace(make_job(), id=job.id)
    assert store.find_job("qc", second.id) == JobRecord(second)
    assert store.find_job("qc", second.id + 1) is None
    assert store.find_job("other", job.id) is None
    assert [record.job for record in store.list_jobs("qc")] == [second, job]
    assert [record.job for record in store.list_open_jobs()] == [job, second]
    assert store.list_jobs("other") == []
    with pytest.raises(NotFound):
        store.add_job(make_job("none"))


def test_a_number_is_never_given_twice(store, job):
    """What a removed job's process still says is not taken for another's."""
    store.remove_job("qc", job.id)
    store.remove_job("qc", job.id)
    assert store.find_job("qc", job.id) is None
    assert store.add_job(make_job()).id > job.id
    assert not store.write_job_report(job.id, DONE)
    assert not store.write_job_status(job.id, GAVE_UP)


def test_both_words_are_read_as_written(store, job):
    """The reconciler's and the process's stand beside each other: neither overwrites the other."""
    metrics = (Metric("accuracy", 0.93, "good"), Metric("mae", 1e-9))
    assert store.write_job_status(job.id, RUNS)
    report = make_job_report(of=None, metrics=metrics)
    assert store.write_job_report(job.id, report)
    record = store.find_job("qc", job.id)
    assert record == JobRecord(job, RUNS, report) == store.find_open_job(job.id)
    assert (record.state, record.started, record.ended) == (JobState.RUNNING, NOON, None)


@pytest.mark.parametrize("end", ["succeeds", "fails", "gives up", "is stopped"])
def test_an_end_stays_the_end(store, job, end):
    """Neither a late word nor a second process changes what somebody has read, nor can it be stopped any more."""
    store.write_job_status(job.id, RUNS)
    acts = {
        "succeeds": lambda: store.write_job_report(job.id, DONE),
        "fails": lambda: store.write_job_report(job.id, make_job_report(error="Row 3: …", ended=True)),
        "gives up": lambda: store.write_job_status(job.id, GAVE_UP),
        "is stopped": lambda: store.stop_job("qc", job.id, LATER),
    }
    assert acts[end]()
    record = store.find_job("qc", job.id)
    assert not record.is_open and record.ended
    assert not store.write_job_status(job.id, WAITS)
    assert not store.write_job_report(job.id, make_job_report(rows=1, ended=True))
    assert not store.stop_job("qc", job.id, LATER)
    assert store.find_job("qc", job.id) == record
    assert list(store.list_open_jobs()) == [] and store.find_open_job(job.id) is None


def test_an_open_job_names_what_it_reads_and_any_what_it_has_made(store, job):
    """A model or data set that is deleted meanwhile stays until the job has read it; a result stays with its job."""
    assert store.list_digests() == {DIGEST, job.data.digest}
    store.write_job_report(job.id, DONE)
    assert store.list_digests() == {RESULT.digest}
    store.remove_job("qc", job.id)
    assert store.list_digests() == frozenset()


def test_jobs_are_counted_as_their_records_say(store, job):
    """Home and the metrics say what the jobs' own pages say, whatever became of each."""
    store.add_project(make_project("other", name="Other"))
    words = [
        {},
        {"status": WAITS},
        {"status": RUNS},
        {"status": RUNS, "report": make_job_report(rows=2**40)},
        {"status": GAVE_UP},
        {"status": GAVE_UP, "report": make_job_report(rows=3)},
        {"report": DONE},
        {"report": make_job_report(rows=2**40, error="Row 3: …", ended=True)},
        {"report": make_job_report(), "stopped": True},
        {"stopped": True},
    ]
    numbers = [store.add_job(make_job("other")).id for _ in words]
    for number, said in zip(numbers, words, strict=True):
        if "report" in said:
            store.write_job_report(number, said["report"])
        if "status" in said:
            store.write_job_status(number, said["status"])
        if "stopped" in said:
            store.stop_job("other", number, LATER)
    every = [*store.list_jobs("other"), *store.list_jobs("qc")]
    states = {record.state for record in every}
    assert states == set(JobState)
    assert store.count_jobs() == {
        state: JobCount(
            sum(record.state is state for record in every),
            sum(record.report.rows for record in every if record.state is state and record.report),
        )
        for state in states
    }
    failed = [record for record in store.list_jobs("other") if record.state is JobState.FAILED]
    assert list(store.list_failed_jobs(10)) == failed and len(failed) == 3
    assert list(store.list_failed_jobs(2)) == failed[:2]


def test_no_jobs_are_no_counts(store):
    """A new appliance has none to show."""
    assert store.count_jobs() == {} and list(store.list_failed_jobs(3)) == []


def test_what_a_job_printed_is_kept_after_its_end_and_goes_with_it(store, job):
    """Who comes in the morning reads the last lines of the night; each word of it stands in place of the one before."""
    other = store.add_job(make_job())
    assert store.find_job_log(job.id) is None
    store.write_job_log(job.id, JobLog("model loaded", NOON))
    store.write_job_report(job.id, DONE)
    last = JobLog("model loaded\nZähler: 7 \t\u2009\ufffd", LATER)
    store.write_job_log(job.id, last)
    assert store.find_job_log(job.id) == last
    assert store.find_job_log(other.id) is None
    store.remove_job("qc", job.id)
    assert store.find_job_log(job.id) is None
    for gone in (job.id, 0, 2**31 - 1):
        store.write_job_log(gone, last)
        assert store.find_job_log(gone) is None


def test_the_same_lines_once_more_are_no_news(store, job):
    """Pages look again when a line was printed, and the time says since when it stands there."""
    facts = store.find_fact_number()
    for at in (NOON, LATER):
        store.write_job_log(job.id, JobLog("one", at))
    assert store.find_job_log(job.id) == JobLog("one", NOON)
    assert store.find_fact_number() == facts + 1
    store.write_job_log(job.id, JobLog("one\ntwo", LATER))
    assert store.find_fact_number() == facts + 2


def test_jobs_go_with_their_project(store, job):
    """Nothing of a deleted project is run any more."""
    store.write_job_status(job.id, RUNS)
    store.remove_project("qc", LATER)
    assert list(store.list_open_jobs()) == []
    assert store.list_digests() == frozenset()


def test_wishes_and_facts_of_jobs_are_noticed_and_what_changes_nothing_is_not(store, job):
    """The reconciler wakes up for the first, pages for both."""
    wishes, facts = store.find_wish_number(), store.find_fact_number()
    for _ in range(2):
        store.write_job_status(job.id, WAITS)
    assert (store.find_wish_number(), store.find_fact_number()) == (wishes, facts + 1)
    for _ in range(2):
        store.write_job_report(job.id, make_job_report())
    assert (store.find_wish_number(), store.find_fact_number()) == (wishes, facts + 2)
    for act in (lambda: store.stop_job("qc", job.id, LATER), lambda: store.remove_job("qc", job.id)):
        act()
        assert store.find_wish_number() == (wishes := wishes + 1)
        act()
    assert (store.find_wish_number(), store.find_fact_number()) == (wishes, facts + 2)

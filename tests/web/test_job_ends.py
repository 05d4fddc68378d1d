"""What becomes of jobs: the word for it, what their processes report, and what is left when they are gone."""

import datetime

import pytest

from airgate_web.domain.errors import Conflict, Invalid, NotFound, TooLarge
from airgate_web.domain.job import JobRecord, JobState, JobStatus, Metric, Result
from airgate_web.services.datasets import remove_dataset
from airgate_web.services.job_reports import keep_end, keep_progress, keep_result
from airgate_web.services.jobs import JobWish, find_job, find_result, remove_job, start_job, stop_job
from airgate_web.services.models import remove_model
from tests.fakes.desk import LIMIT
from tests.fakes.samples import NOON, make_job, make_job_report

LATER = NOON + datetime.timedelta(minutes=1)
RUNS, GAVE_UP = JobStatus(JobState.RUNNING), JobStatus(JobState.FAILED, "It ended three times.", LATER)


def start(desk, user, **changes):
    """Start a job of `digits` over `iris`."""
    return start_job(desk, user, "qc", JobWish(**({"model": "digits", "dataset": "iris"} | changes)))


DONE = make_job_report(rows=2, result=Result("sha256:9", 7, "x.csv"), ended=True)
FAILS = make_job_report(error="Row 3 is wrong.", ended=True)


@pytest.mark.parametrize(
    ("stopped", "status", "report", "state", "sentence"),
    [
        (None, None, None, JobState.WAITING, "Waits for the reconciler to see it."),
        (None, JobStatus(JobState.WAITING, "Asks 9 cores."), None, JobState.WAITING, "Asks 9 cores."),
        (None, RUNS, make_job_report(), JobState.RUNNING, ""),
        (None, RUNS, DONE, JobState.SUCCEEDED, ""),
        (None, RUNS, FAILS, JobState.FAILED, "Row 3 is wrong."),
        (None, GAVE_UP, make_job_report(), JobState.FAILED, "It ended three times."),
        (LATER, RUNS, make_job_report(), JobState.STOPPED, ""),
        (LATER, None, None, JobState.STOPPED, ""),
    ],
)
def test_a_job_is_told_in_one_word_and_one_sentence(stopped, status, report, state, sentence):
    """The process's last word counts most; who stopped it needs no reason."""
    record = JobRecord(make_job(stopped=stopped), status, report)
    assert (record.state, record.sentence) == (state, sentence)
    assert record.is_open == (state in (JobState.WAITING, JobState.RUNNING))
    assert (record.ended is None) == record.is_open


def test_progress_is_kept_as_it_comes_and_what_is_not_said_stays(stocked, ada):
    """A process that starts anew does not put the count back."""
    job = start(stocked, ada)
    keep_progress(stocked, job.id, 10, None)
    begun = stocked.clock.now()
    stocked.clock.sleep(5)
    keep_progress(stocked, job.id, None, 100)
    report = find_job(stocked, "qc", job.id).report
    assert (report.rows, report.of, report.started) == (10, 100, begun)
    assert report.reported == begun + datetime.timedelta(seconds=5)


def test_predictions_end_a_job_and_are_a_file_named_after_what_made_it(stocked, ada):
    """The last word is the file; nobody can add to it."""
    job = start(stocked, ada)
    keep_progress(stocked, job.id, 1, 2)
    keep_result(stocked, job.id, 2, iter([b"a\n", b"1\n"]))
    record = find_job(stocked, "qc", job.id)
    path, filename = find_result(stocked, record)
    assert (record.state, record.report.rows, record.report.of) == (JobState.SUCCEEDED, 2, 2)
    assert (path.read_bytes(), filename) == (b"a\n1\n", "iris-digits-v1.csv")
    for act in (lambda: keep_progress(stocked, job.id, 1, 2), lambda: keep_end(stocked, job.id, 1, 2, (), "x")):
        with pytest.raises(Conflict, match="not wanted any more"):
            act()
    with pytest.raises(Conflict):
        keep_result(stocked, job.id, 2, iter([b"other"]))
    assert find_job(stocked, "qc", job.id) == record


def test_predictions_that_are_too_large_are_said_to_be(stocked, ada):
    """The job has failed by that: a second try would be as large."""
    job = start(stocked, ada)
    with pytest.raises(TooLarge):
        keep_result(stocked, job.id, 2, iter([b"x" * (LIMIT + 1)]))
    record = find_job(stocked, "qc", job.id)
    assert record.state is JobState.FAILED
    assert record.sentence.startswith("The predictions are too large. The file is over the limit")
    with pytest.raises(NotFound, match="it is Failed"):
        find_result(stocked, record)


def test_metrics_end_an_evaluation_and_nonsense_is_no_metric(stocked, ada):
    """A model may print what it wants: figures alone are kept."""
    job = start(stocked, ada, task="evaluate", target="ripe", measure="classification")
    for wrong in (Metric("accuracy", float("nan")), Metric("a\nb", 1.0), Metric("accuracy", 1.0, "splendid")):
        with pytest.raises(Invalid):
            keep_end(stocked, job.id, 2, 2, [wrong], "")
    with pytest.raises(Invalid):
        keep_end(stocked, job.id, 2, 2, [Metric("m", 1.0)] * 101, "")
    keep_end(stocked, job.id, 2, 2, [Metric("accuracy", 0.5, "bad")], "")
    record = find_job(stocked, "qc", job.id)
    assert (record.state, record.report.metrics) == (JobState.SUCCEEDED, (Metric("accuracy", 0.5, "bad"),))
    with pytest.raises(NotFound, match="has no file of predictions; it is Succeeded"):
        find_result(stocked, record)


def test_an_error_is_kept_as_one_line_that_can_be_shown(stocked, ada):
    """Whatever a model wrote into it."""
    job = start(stocked, ada)
    keep_end(stocked, job.id, None, None, (), "Row 3:\x1b[31m no\n" + "x" * 2000)
    sentence = find_job(stocked, "qc", job.id).sentence
    assert sentence.startswith("Row 3: [31m no x") and len(sentence) == 1000


def test_a_stopped_job_stays_and_a_removed_one_takes_its_predictions_along(stocked, ada):
    """Whoever stops one too late is told how it had ended; the disk is given back."""
    first, second = start(stocked, ada), start(stocked, ada)
    assert stop_job(stocked, ada, "qc", first.id).state is JobState.STOPPED
    with pytest.raises(Conflict, match=f"Job {first.id} has ended already: Stopped."):
        stop_job(stocked, ada, "qc", first.id)
    keep_result(stocked, second.id, 2, iter([b"predictions"]))
    with pytest.raises(Conflict, match="ended already: Succeeded"):
        stop_job(stocked, ada, "qc", second.id)
    assert len(stocked.blobs.list()) == 3
    remove_job(stocked, ada, "qc", second.id)
    assert len(stocked.blobs.list()) == 2
    for act in (find_job, lambda *given: stop_job(given[0], ada, *given[1:])):
        with pytest.raises(NotFound, match=f"no job {second.id} in project 'qc'"):
            act(stocked, "qc", second.id)
    deeds = [(entry.deed, entry.subject) for entry in stocked.store.list_audit()][:2]
    assert deeds == [("remove", f"job qc/job-{second.id}"), ("stop", f"job qc/job-{first.id}")]


def test_what_an_open_job_reads_stays_when_it_is_deleted(stocked, ada):
    """Model and data set go from the lists; their files go with the job."""
    job = start(stocked, ada)
    remove_model(stocked, ada, "qc", "digits")
    remove_dataset(stocked, ada, "qc", "iris")
    assert stocked.blobs.list() == {job.model.digest, job.data.digest}
    remove_job(stocked, ada, "qc", job.id)
    assert stocked.blobs.list() == frozenset()

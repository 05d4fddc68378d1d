"""Jobs from the wish to their end, and the word for each, on the fakes."""

import dataclasses

import pytest

from airgate_web.domain.amounts import Amounts
from airgate_web.domain.job import Job, JobRecord, JobState, JobStatus
from airgate_web.domain.plan import ApplyWorkload
from airgate_web.domain.secrets import find_job_secret
from airgate_web.domain.workload import Kind, Observation, Outcome, Replica, ReplicaState, WorkloadFacts
from airgate_web.reconcile.jobs import judge_job
from tests.fakes.samples import (
    NOON,
    make_job,
    make_job_report,
    make_node,
)
from tests.web.scene import Scene

pytestmark = pytest.mark.process


def find_job(scene: Scene, job: Job) -> JobRecord:
    """Return a job with what became of it."""
    record = scene.store.find_job("qc", job.id)
    assert record is not None
    return record


def test_a_job_runs_once_and_is_cleared_away_when_its_process_has_told_its_end(scene: Scene) -> None:
    """Waiting, Running, and after its last word nothing of it is left in the cluster."""
    job = scene.store.add_job(make_job())
    assert find_job(scene, job).state is JobState.WAITING
    scene.reconciler.run_round()
    assert find_job(scene, job).state is JobState.RUNNING
    (applied,) = [each.workload for each in scene.cluster.applied if isinstance(each, ApplyWorkload)]
    assert applied.gate_secret == find_job_secret("token", job.id)
    scene.store.write_job_report(job.id, make_job_report(ended=True))
    scene.reconciler.run_round()
    assert scene.cluster.observe().workloads == ()
    scene.make_reconciler().run_round()
    assert len([each for each in scene.cluster.applied if isinstance(each, ApplyWorkload)]) == 1
    assert find_job(scene, job).state is JobState.SUCCEEDED


@pytest.mark.parametrize(("secret", "says"), [("another", "it cannot report"), ("", "without saying what came of it")])
def test_a_job_whose_process_cannot_tell_has_failed_and_is_cleared_away(scene: Scene, secret: str, says: str) -> None:
    """Nobody waits for ever: the cluster's reason is the sentence."""
    scene.cluster.job_secret = secret
    job = scene.store.add_job(make_job())
    for _ in range(3):
        scene.reconciler.run_round()
    record = find_job(scene, job)
    assert (record.state, record.ended) == (JobState.FAILED, scene.clock.now())
    assert says in record.sentence
    assert scene.cluster.observe().workloads == ()


@pytest.mark.parametrize("deed", ["stopped", "removed"])
def test_a_job_that_is_stopped_or_removed_ends_in_the_next_round(scene: Scene, deed: str) -> None:
    """What it holds is given back at once."""
    job = scene.store.add_job(make_job())
    scene.reconciler.run_round()
    if deed == "stopped":
        scene.store.stop_job("qc", job.id, NOON)
    else:
        scene.store.remove_job("qc", job.id)
    scene.reconciler.run_round()
    assert scene.cluster.observe().workloads == ()


def test_a_job_that_the_cluster_does_not_take_waits_and_says_why(scene: Scene) -> None:
    """A quota that is used up today may be free tomorrow."""
    job = scene.store.add_job(make_job())
    scene.cluster.refused = job.owner
    scene.reconciler.run_round()
    record = find_job(scene, job)
    assert (record.state, record.sentence) == (JobState.WAITING, "The cluster does not take it: The quota is used up.")
    scene.cluster.refused = ""
    scene.clock.sleep(60)
    scene.reconciler.run_round()
    assert find_job(scene, job).state is JobState.RUNNING


REPLICA = Replica("j-1", ReplicaState.WAITING, "d", reason="0/1 nodes are available")
LARGE = make_job(amounts=Amounts(cpu_millis=9000))


@pytest.mark.parametrize(
    ("job", "changes", "state", "says"),
    [
        (make_job(), {"state": ReplicaState.READY}, JobState.RUNNING, ""),
        (make_job(), {"state": ReplicaState.STARTING, "reason": ""}, JobState.WAITING, "j-1 is starting."),
        (make_job(), {}, JobState.WAITING, "j-1 waits: 0/1 nodes are available."),
        (LARGE, {}, JobState.WAITING, "Asks 9 cores, the largest node has 8: ask for less."),
        (make_job(), {"state": ReplicaState.FAILED, "reason": "exit code 137"}, JobState.WAITING, "j-1: exit code 137"),
        (make_job(), {"state": ReplicaState.STOPPED}, JobState.WAITING, "The cluster is starting it."),
    ],
)
def test_a_job_is_judged_by_its_newest_process(
    job: Job, changes: dict[str, object], state: JobState, says: str
) -> None:
    """A crash is a reason to wait, until the cluster has given up."""
    facts = WorkloadFacts("j", Kind.JOB, "d", (dataclasses.replace(REPLICA, **changes),), ())  # type: ignore[arg-type]
    seen = Observation((facts,), (make_node(),))
    assert judge_job(JobRecord(job), "j", seen, NOON) == JobStatus(state, says)


def test_why_a_cluster_gave_up_a_job_is_said_with_what_was_seen_before() -> None:
    """The last reason of the crashes is worth more than their count."""
    facts = WorkloadFacts("j", Kind.JOB, "d", (), (), outcome=Outcome.FAILED, reason="BackoffLimitExceeded")
    before = JobStatus(JobState.WAITING, "j-1: OOMKilled, exit code 137")
    status = judge_job(JobRecord(make_job(), before), "j", Observation((facts,)), NOON)
    assert status.sentence == (
        "It did not come to its end: BackoffLimitExceeded. Before that: j-1: OOMKilled, exit code 137"
    )

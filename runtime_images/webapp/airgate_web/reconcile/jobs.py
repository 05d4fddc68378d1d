"""What became of a job, as the cluster shows it. Pure."""

import datetime

from airgate_web.domain.explain import explain_wait
from airgate_web.domain.job import Job, JobRecord, JobState, JobStatus
from airgate_web.domain.workload import Kind, Observation, Outcome, Replica, ReplicaState, WorkloadFacts

STARTS = JobStatus(JobState.WAITING, "The cluster is starting it.")
SAID_NOTHING = "It ended without saying what came of it."


def judge_job(
    record: JobRecord, name: str, observed: Observation, now: datetime.datetime, failure: str = ""
) -> JobStatus:
    """Return the reconciler's word on a job that is open. name: of its workload.

    failure: why the cluster did not take the wish; "" when it did.
    """
    if failure:
        return JobStatus(JobState.WAITING, failure)
    facts = next((each for each in observed.workloads if each.name == name), None)
    if facts is None:
        return STARTS
    if facts.outcome:
        return JobStatus(JobState.FAILED, explain_outcome(facts, record), now)
    living = [each for each in facts.replicas if each.state is not ReplicaState.STOPPED]
    return judge_replica(record.job, living[-1], observed) if living else STARTS


def judge_replica(job: Job, replica: Replica, observed: Observation) -> JobStatus:
    """Return the word for a job whose newest replica this is."""
    if replica.state is ReplicaState.READY:
        return JobStatus(JobState.RUNNING)
    why = explain_wait(Kind.JOB, job.amounts, replica, observed)
    return JobStatus(JobState.WAITING, why or f"{replica.name} is starting.")


def explain_outcome(facts: WorkloadFacts, record: JobRecord) -> str:
    """Return why a job has failed whose process could not tell: the cluster's reason, and what was said before it."""
    if facts.outcome is Outcome.SUCCEEDED:
        return SAID_NOTHING
    last = record.status.sentence if record.status else ""
    before = f" Before that: {last}" if last and last != STARTS.sentence else ""
    return f"It did not come to its end: {facts.reason or 'the cluster gives no reason'}.{before}"

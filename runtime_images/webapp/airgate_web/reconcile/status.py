"""What became of a deployment, in one word and one sentence. Pure."""

import datetime
from collections.abc import Sequence

from airgate_web.domain.deployment import Deployment, DeploymentStatus, find_workload
from airgate_web.domain.explain import explain_wait
from airgate_web.domain.idle_cards import write_idle_cards
from airgate_web.domain.lost_cards import mark_stranded
from airgate_web.domain.workload import (
    Kind,
    Observation,
    Replica,
    ReplicaState,
    WorkloadFacts,
    find_replica_digest,
)

GRAVEST_FIRST = (ReplicaState.FAILED, ReplicaState.WAITING, ReplicaState.STARTING)


def judge_status(
    deployment: Deployment, observed: Observation, now: datetime.datetime, failure: str = ""
) -> DeploymentStatus:
    """Return the facts about one deployment. failure: why the cluster did not take the wish; "" when it did."""
    workload = find_workload(deployment)
    facts = next((each for each in observed.workloads if each.name == workload.name), None)
    replicas = mark_stranded(workload.kind, workload.amounts, facts.replicas if facts else (), observed)
    digest = find_replica_digest(workload)
    current = [each for each in replicas if each.spec_digest == digest and each.state is not ReplicaState.STOPPED]
    state = judge_state(deployment.replicas, current, replicas, failure)
    ready = sum(each.state is ReplicaState.READY for each in current)
    return DeploymentStatus(
        state=state,
        generation=deployment.generation,
        ready=ready,
        wanted=deployment.replicas,
        sentence=failure or explain_state(deployment, state, current, facts, observed),
        notice=explain_idle_cards(deployment, current),
        replicas=replicas,
        addresses=facts.addresses if facts else (),
        updated=now,
    )


def judge_state(wanted: int, current: Sequence[Replica], every: Sequence[Replica], failure: str) -> ReplicaState:
    """Return the word for the whole: Ready when all that are wanted answer, else the gravest of those that do not."""
    if failure:
        return ReplicaState.FAILED
    if not wanted:
        return (
            ReplicaState.STARTING if any(each.state is ReplicaState.READY for each in every) else ReplicaState.STOPPED
        )
    states = [each.state for each in current]
    if states.count(ReplicaState.READY) >= wanted:
        return ReplicaState.READY
    return next((state for state in GRAVEST_FIRST if state in states), ReplicaState.STARTING)


def explain_state(
    deployment: Deployment,
    state: ReplicaState,
    current: Sequence[Replica],
    facts: WorkloadFacts | None,
    observed: Observation,
) -> str:
    """Return why the deployment is not Ready; "" when it is."""
    if state is ReplicaState.READY:
        return ""
    if state is ReplicaState.STOPPED:
        return "Scaled to 0 replicas."
    if not facts or not current:
        return "The cluster is starting it."
    first = next((each for each in current if each.state is state), current[0])
    why = explain_wait(Kind.SERVICE, deployment.amounts, first, observed) or f"{first.name} is loading the model."
    return why + explain_earlier(current, facts)


def explain_earlier(current: Sequence[Replica], facts: WorkloadFacts) -> str:
    """Return a sentence when replicas of an earlier wish still answer."""
    names = {each.name for each in current}
    serving = [each for each in facts.replicas if each.name not in names and each.state is ReplicaState.READY]
    return " Until then the one before it answers." if serving else ""


def explain_idle_cards(deployment: Deployment, current: Sequence[Replica]) -> str:
    """Return a notice when a ready replica holds cards and computes on the CPU all the same."""
    amounts, model = deployment.amounts, deployment.model
    idle = any(each.state is ReplicaState.READY and each.device == "CPU" for each in current)
    if not amounts.accelerators or not idle or model is None:
        return ""
    return write_idle_cards(amounts, model.format)

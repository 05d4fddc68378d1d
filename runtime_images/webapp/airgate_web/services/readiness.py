"""Is the appliance up: what a start waits for, in words."""

import datetime

from airgate_web.domain.runtime import RuntimeKind, find_tester_name
from airgate_web.domain.workload import Observation, ReplicaState
from airgate_web.services.deployments import list_deployments
from airgate_web.services.desk import Desk


def find_waiting(desk: Desk, since: datetime.datetime) -> tuple[str, ...]:
    """Return what is still on its way up; empty when the appliance is ready.

    since: facts older than this count for nothing, they are of an earlier run. What waits for a card or has failed
    does not hold a start up: its page says why.
    """
    found = desk.store.find_observation()
    if found is None or found[1] < since:
        return ("the reconciler has not looked yet",)
    if all(report.reported < since for report in desk.store.list_reports()):
        return ("the gateway has not reported yet",)
    return (*find_waiting_testers(desk, found[0]), *find_waiting_deployments(desk))


def find_waiting_testers(desk: Desk, observed: Observation) -> tuple[str, ...]:
    """Return the runtimes whose tester does not answer yet."""
    ready = {
        facts.name
        for facts in observed.workloads
        if any(replica.state is ReplicaState.READY for replica in facts.replicas)
    }
    runtimes = [runtime for runtime in desk.store.list_runtimes() if runtime.kind is RuntimeKind.ENVIRONMENT]
    return tuple(
        f"the tester of '{runtime.name}' starts" for runtime in runtimes if find_tester_name(runtime.slug) not in ready
    )


def find_waiting_deployments(desk: Desk) -> tuple[str, ...]:
    """Return the deployments that start, or that nobody has looked at since they were changed."""
    return tuple(
        f"deployment {view.deployment.owner} starts"
        for view in list_deployments(desk)
        if view.status is None
        or view.status.generation != view.deployment.generation
        or view.status.state is ReplicaState.STARTING
    )

"""Whether the gateway reaches what the cluster says is ready: only then a deployment is Ready. Pure."""

import dataclasses
import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from airgate_web.domain.deployment import Deployment, DeploymentStatus, find_workload
from airgate_web.domain.workload import ReplicaState, find_replica_digest

SILENT = datetime.timedelta(seconds=30)  # three reports of a gateway that are missing
WHERE = "see the pod airgate-gateway, or make trial-logs in a trial"
NOT_YET = f"The gateway has not reached it yet. Should that last, {WHERE}."


@dataclass(frozen=True, slots=True)
class GatewayReport:
    """What one gateway said last; written by the web process, one row a gateway, when its agent reports.

    gateway: its host's name. snapshot: digest of the routes that it works by. reached: by
    "route/deployment" the addresses ("host:port" of the HTTP door) that its Envoy sends requests to. reported: by the
    web process's own clock.
    """

    gateway: str
    snapshot: str
    reached: dict[str, tuple[str, ...]]
    reported: datetime.datetime


def judge_reach(
    deployment: Deployment, status: DeploymentStatus, reports: Sequence[GatewayReport], now: datetime.datetime
) -> DeploymentStatus:
    """Return the status as a customer meets it: what is ready is Ready once one gateway that reports reaches it.

    While all gateways are silent their last words count, because predictions go on without the webapp; the notice
    then says since when nobody has heard of them.
    """
    ready = find_ready_addresses(deployment, status)
    if status.state is not ReplicaState.READY or not ready:
        return status
    heard = [report for report in reports if now - report.reported <= SILENT]
    silence = "" if heard else explain_silence(reports, now)
    if any(ready & {*report.reached.get(deployment.owner, ())} for report in heard or reports):
        return dataclasses.replace(status, notice=" ".join(filter(None, (status.notice, silence))))
    return dataclasses.replace(status, state=ReplicaState.STARTING, sentence=silence or NOT_YET)


def find_ready_addresses(deployment: Deployment, status: DeploymentStatus) -> frozenset[str]:
    """Return where the ready replicas of this very wish answer; empty when the cluster does not tell."""
    if status.generation != deployment.generation:
        return frozenset()
    digest = find_replica_digest(find_workload(deployment))
    ready = [one for one in status.replicas if one.state is ReplicaState.READY and one.spec_digest == digest]
    return frozenset(one.address for one in ready if one.address)


def explain_silence(reports: Sequence[GatewayReport], now: datetime.datetime) -> str:
    """Return since when no gateway has reported, and where to look."""
    if not reports:
        return f"No gateway has reported yet; {WHERE}."
    seconds = (now - max(report.reported for report in reports)).total_seconds()
    since = f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
    return f"The gateway has not reported for {since}; {WHERE}."

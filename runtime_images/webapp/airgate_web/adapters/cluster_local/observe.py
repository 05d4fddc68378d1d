"""From the supervisor's state to an Observation. Asks nobody."""

from collections.abc import Collection, Mapping

from airgate_web.adapters.cluster_local.command import HOST
from airgate_web.adapters.cluster_local.kubelet.ledger import Ledger
from airgate_web.adapters.cluster_local.node import find_node
from airgate_web.adapters.cluster_local.replica import RunningReplica
from airgate_web.domain.workload import (
    Address,
    DeviceFacts,
    Holder,
    Kind,
    Observation,
    Outcome,
    ReplicaState,
    Workload,
    WorkloadFacts,
    find_spec_digest,
)


def find_observation(
    wishes: Mapping[str, Workload], replicas: Collection[RunningReplica], ledger: Ledger, simulated: str = ""
) -> Observation:
    """Return the whole truth about this machine's workloads and cards. simulated: see Options."""
    node = find_node(ledger.find_capacity(), ledger.find_allocatable())
    names = sorted(wishes.keys() | {replica.record.workload.name for replica in replicas})
    return Observation(
        workloads=tuple(find_workload(name, wishes.get(name), replicas, node.name) for name in names),
        nodes=(node,),
        holders=tuple(holder for replica in replicas for holder in find_holders(replica, node.name)),
        devices=find_devices(ledger, node.name, simulated),
    )


def find_workload(name: str, wish: Workload | None, replicas: Collection[RunningReplica], node: str) -> WorkloadFacts:
    """Return the facts of one workload; with an empty digest when it is not wanted any more and is still ending."""
    mine = [replica for replica in replicas if replica.record.workload.name == name]
    mine.sort(key=lambda replica: replica.record.order)
    last = mine[-1] if mine else None
    return WorkloadFacts(
        name=name,
        kind=wish.kind if wish else mine[0].record.workload.kind,
        spec_digest=find_spec_digest(wish) if wish else "",
        replicas=tuple(replica.find_facts(node) for replica in mine),
        addresses=tuple(find_address(replica) for replica in mine if is_called(replica)),
        outcome=last.outcome if last else None,
        reason=last.reason if last and last.outcome is Outcome.FAILED else "",
    )


def is_called(replica: RunningReplica) -> bool:
    """Say whether a replica's address is told: Envoy finds out by itself when a service is ready."""
    kind = replica.record.workload.kind
    is_service = kind is Kind.SERVICE
    return (kind is not Kind.JOB and replica.state is ReplicaState.READY) or (
        is_service and replica.state is ReplicaState.STARTING
    )


def find_address(replica: RunningReplica) -> Address:
    """Return where a replica listens; a tester and a server of others have no gRPC door (port 0)."""
    ports, wish = replica.record.ports, replica.record.workload
    has_grpc = wish.kind is Kind.SERVICE and not wish.server
    return Address(HOST, ports.http, ports.grpc if has_grpc else 0)


def find_holders(replica: RunningReplica, node: str) -> tuple[Holder, ...]:
    """Return one Holder when the replica holds cards."""
    grant = replica.grant
    if grant is None:
        return ()
    owner = replica.record.workload.owner
    return (Holder(grant.resource, len(grant.devices), owner, replica.name, node, grant.since, grant.devices),)


def find_devices(ledger: Ledger, node: str, simulated: str) -> tuple[DeviceFacts, ...]:
    """Return every device that a plugin has named. simulated: the maker whose devices are none."""
    found = []
    for resource, devices in sorted(ledger.devices.items()):
        unreal = bool(simulated) and resource.startswith(f"{simulated}/")
        away = "its device plugin does not answer" if resource in ledger.away else ""
        for device, healthy in sorted(devices.items()):
            reason = away or ("" if healthy else "its device plugin reports it unhealthy")
            lost = not healthy and not away
            found.append(DeviceFacts(device, resource, node, healthy and not away, reason, lost, unreal))
    return tuple(found)

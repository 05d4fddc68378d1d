"""Cards that died under a replica. The cluster lowers its count of cards and evicts nobody, so this room does. Pure.

A replica on a lost card is ended only when a spare card waits for its successor; until then it keeps what it has, says
why, and goes on by itself when its card comes back.
"""

import dataclasses
from collections.abc import Iterable, Sequence

from airgate_web.domain.amounts import Amounts
from airgate_web.domain.explain import find_free, find_nodes, list_holders
from airgate_web.domain.plan import ReplaceReplica
from airgate_web.domain.workload import DeviceFacts, Kind, Observation, Replica, ReplicaState, Workload

Spares = dict[tuple[str, str], int]  # (node, resource) -> healthy cards that nobody holds and nobody was promised


def plan_replacements(wanted: Iterable[Workload], observed: Observation) -> tuple[ReplaceReplica, ...]:
    """Return which replicas to end because a card of theirs is lost and another is free, at most as many as are."""
    wishes = {workload.name: workload for workload in wanted}
    spares: Spares = {}
    return tuple(
        ReplaceReplica(facts.name, replica.name)
        for facts in observed.workloads
        if (wish := wishes.get(facts.name))
        for replica in facts.replicas
        if find_lost(replica, observed) and take_spare(wish.kind, wish.amounts, replica, observed, spares)
    )


def mark_stranded(
    kind: Kind, amounts: Amounts, replicas: Sequence[Replica], observed: Observation
) -> tuple[Replica, ...]:
    """Return the replicas, those on a lost card as Failed with the reason: a probe may well call them ready."""
    return tuple(
        dataclasses.replace(
            replica, state=ReplicaState.FAILED, reason=explain_lost(kind, amounts, replica, lost, observed)
        )
        if (lost := find_lost(replica, observed))
        else replica
        for replica in replicas
    )


def find_lost(replica: Replica, observed: Observation) -> tuple[DeviceFacts, ...]:
    """Return the lost cards that a replica holds; none when it is on its way out."""
    if replica.state is ReplicaState.STOPPED:
        return ()
    return tuple(
        device
        for device in observed.devices
        if device.lost and device.node == replica.node and device.id in replica.devices
    )


def take_spare(kind: Kind, amounts: Amounts, replica: Replica, observed: Observation, spares: Spares) -> bool:
    """Take what the successor needs out of `spares`; False, and nothing is taken, when no one node has as much."""
    resource = amounts.resource
    for node in find_nodes(kind, observed):
        key = node.name, resource
        free = spares.setdefault(key, find_free(node, resource, observed))
        own = count_healthy(replica, resource, observed) if node.name == replica.node else 0
        if free + own >= amounts.accelerators:
            spares[key] = free + own - amounts.accelerators
            return True
    return False


def count_healthy(replica: Replica, resource: str, observed: Observation) -> int:
    """Return how many cards a replica gives back in good health."""
    return sum(
        device.healthy and device.id in replica.devices
        for device in observed.devices
        if (device.node, device.resource) == (replica.node, resource)
    )


def explain_lost(
    kind: Kind, amounts: Amounts, replica: Replica, lost: Sequence[DeviceFacts], observed: Observation
) -> str:
    """Return which card is lost, why, and what becomes of the replica."""
    cards = " and ".join(f"{device.id} ({device.reason or 'no reason given'})" for device in lost)
    begin = f"lost its card {cards} on {replica.node}"
    if take_spare(kind, amounts, replica, observed, {}):
        return f"{begin}; another one takes its place."
    others = [holder for holder in observed.holders if holder.replica != replica.name]
    holders = list_holders(amounts.resource, find_nodes(kind, observed), others)
    return (
        f"{begin}, and no other {amounts.resource} is free{': ' if holders else ''}{', '.join(holders)}. "
        "Bring the card back, or free another: it then goes on by itself."
    )

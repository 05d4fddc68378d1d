"""The plan: from what is wanted and what is observed to what is to be done. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from airgate_web.domain.workload import Observation, ReplicaState, Workload, WorkloadFacts, find_spec_digest


@dataclass(frozen=True, slots=True)
class ApplyWorkload:
    """Make this workload run as it is written; when one of that name runs otherwise, replace it without a gap."""

    workload: Workload


@dataclass(frozen=True, slots=True)
class RemoveWorkload:
    """End the workload of that name and leave nothing of it."""

    name: str


@dataclass(frozen=True, slots=True)
class ReplaceReplica:
    """End one replica of the workload of that name at once, without farewell; its successor takes other cards."""

    name: str
    replica: str


@dataclass(frozen=True, slots=True)
class RemoveReplica:
    """Let the cluster forget the replica of that name, which is over."""

    name: str


Action = ApplyWorkload | RemoveWorkload | ReplaceReplica | RemoveReplica


def plan_actions(wanted: Iterable[Workload], observed: Observation) -> tuple[Action, ...]:
    """Return what leads from observed to wanted: removals first, because they free cards; tidying last."""
    wishes = {workload.name: workload for workload in wanted}
    digests = {facts.name: facts.spec_digest for facts in observed.workloads}
    removals = [RemoveWorkload(name) for name in sorted(digests.keys() - wishes.keys())]
    changes = [
        ApplyWorkload(wish) for name, wish in sorted(wishes.items()) if digests.get(name) != find_spec_digest(wish)
    ]
    return (*removals, *changes, *plan_tidying(wishes, observed))


def plan_tidying(wishes: Mapping[str, Workload], observed: Observation) -> Iterator[RemoveReplica]:
    """Yield a removal for each replica that is over once another one has come for it, or none is wanted.

    Until then it stays: it says why there is none.
    """
    for facts in observed.workloads:
        wish = wishes.get(facts.name)
        if wish and (not wish.replicas or has_successor(facts)):
            yield from map(RemoveReplica, facts.over)


def has_successor(facts: WorkloadFacts) -> bool:
    """Say whether a replica is there that is neither over nor ending, and has not failed."""
    gone = (ReplicaState.STOPPED, ReplicaState.FAILED)
    return any(one.name not in facts.over and one.state not in gone for one in facts.replicas)

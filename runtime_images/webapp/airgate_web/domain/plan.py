"""The plan: from what is wanted and what is observed to what is to be done. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from airgate_web.domain.workload import Observation, Workload, find_spec_digest


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


Action = ApplyWorkload | RemoveWorkload | ReplaceReplica


def plan_actions(wanted: Iterable[Workload], observed: Observation) -> tuple[Action, ...]:
    """Return what leads from observed to wanted: removals first, because they free cards."""
    wishes = {workload.name: workload for workload in wanted}
    digests = {facts.name: facts.spec_digest for facts in observed.workloads}
    removals = [RemoveWorkload(name) for name in sorted(digests.keys() - wishes.keys())]
    changes = [
        ApplyWorkload(wish) for name, wish in sorted(wishes.items()) if digests.get(name) != find_spec_digest(wish)
    ]
    return (*removals, *changes)

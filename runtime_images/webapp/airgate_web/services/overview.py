"""The whole appliance at a glance: how much there is, how much is free, and who holds the rest."""

import datetime
from collections import Counter
from dataclasses import dataclass

from airgate_web.domain.deployment import Deployment
from airgate_web.domain.explain import find_free
from airgate_web.domain.workload import DeviceFacts, Holder, NodeFacts, Observation
from airgate_web.services.deployments import list_deployments
from airgate_web.services.desk import Desk


@dataclass(frozen=True, slots=True)
class Gauge:
    """Cards of one resource. free: healthy and held by nobody. healthy: on offer or held. simulated: no hardware."""

    resource: str
    free: int
    healthy: int
    total: int
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Overview:
    """Counts, and the nodes as last seen (`seen` is None before the first look).

    deployments, jobs: how many by state ("Ready": 3). cpu and memory: (asked for by the deployments, of all ready
    nodes), in thousandths of a core and MiB.
    """

    projects: int
    models: int
    deployments: dict[str, int]
    jobs: dict[str, int]
    gauges: tuple[Gauge, ...]
    cpu: tuple[int, int]
    memory: tuple[int, int]
    nodes: tuple[NodeFacts, ...]
    holders: tuple[Holder, ...]
    devices: tuple[DeviceFacts, ...]
    seen: datetime.datetime | None


def find_overview(desk: Desk) -> Overview:
    """Return the overview of what the store holds now."""
    projects, views = desk.store.list_projects(), list_deployments(desk)
    observation, seen = desk.store.find_observation() or (Observation(), None)
    ready = [node for node in observation.nodes if node.ready]
    wishes = [view.deployment for view in views]
    return Overview(
        projects=len(projects),
        models=sum(len(desk.store.list_models(project.route)) for project in projects),
        deployments=dict(Counter(view.state.value for view in views)),
        jobs={state.value: count.jobs for state, count in desk.store.count_jobs().items()},
        gauges=find_gauges(observation),
        cpu=(count_asked(wishes, "cpu_millis"), sum(node.cpu_millis for node in ready)),
        memory=(count_asked(wishes, "memory_mib"), sum(node.memory_mib for node in ready)),
        nodes=observation.nodes,
        holders=observation.holders,
        devices=observation.devices,
        seen=seen,
    )


def count_asked(wishes: list[Deployment], amount: str) -> int:
    """Return what all replicas of all deployments ask for together."""
    return sum(int(getattr(wish.amounts, amount)) * wish.replicas for wish in wishes)


def find_gauges(observation: Observation) -> tuple[Gauge, ...]:
    """Return one gauge a resource that any node has, by name."""
    resources = sorted({name for node in observation.nodes for name, count in node.capacity.items() if count})
    simulated = find_simulated(observation)
    return tuple(
        Gauge(
            name,
            sum(find_free(node, name, observation) for node in observation.nodes if node.ready),
            sum(node.allocatable.get(name, 0) for node in observation.nodes if node.ready),
            sum(node.capacity.get(name, 0) for node in observation.nodes),
            name in simulated,
        )
        for name in resources
    )


def find_simulated(observation: Observation) -> frozenset[str]:
    """Return the resources whose cards are simulated."""
    return frozenset(device.resource for device in observation.devices if device.simulated)

"""Nodes and their cards, as JSON."""

import datetime

from airgate_web.api.shapes.base import Answer


class GaugeAnswer(Answer):
    """Cards of one resource. simulated: they are no hardware."""

    resource: str
    free: int
    healthy: int
    total: int
    simulated: bool


class NodeAnswer(Answer):
    """A node as last seen. cpu_millis and memory_mib: what pods may have."""

    name: str
    ready: bool
    classes: list[str]
    cpu_millis: int
    memory_mib: int
    capacity: dict[str, int]
    allocatable: dict[str, int]


class HolderAnswer(Answer):
    """Who holds cards."""

    resource: str
    count: int
    owner: str
    replica: str
    node: str


class DeviceAnswer(Answer):
    """A card. reason: why it is not healthy. simulated: it is no hardware."""

    id: str
    resource: str
    node: str
    healthy: bool
    reason: str
    simulated: bool


class OverviewAnswer(Answer):
    """Counts and the cluster as last seen. deployments, jobs: how many by state."""

    projects: int
    models: int
    deployments: dict[str, int]
    jobs: dict[str, int]
    gauges: list[GaugeAnswer]
    nodes: list[NodeAnswer]
    holders: list[HolderAnswer]
    devices: list[DeviceAnswer]
    seen: datetime.datetime | None

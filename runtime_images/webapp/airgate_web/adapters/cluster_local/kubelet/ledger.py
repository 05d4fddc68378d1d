"""Who holds which card, and which are on offer: the kubelet's device manager in small. No I/O."""

import datetime
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grant:
    """Cards given to one replica, until it ends.

    environ: variables that the plugin wants set. nodes: device files of the host.
    """

    resource: str
    devices: tuple[str, ...]
    environ: dict[str, str]
    nodes: tuple[str, ...]
    since: datetime.datetime


class Ledger:
    """The latest list of each resource, and the grants by replica. A list replaces the one before it, as a whole."""

    def __init__(self) -> None:
        self.devices: dict[str, dict[str, bool]] = {}  # resource -> device id -> healthy
        self.away: set[str] = set()  # resources whose plugin does not answer: nothing of them is on offer
        self.grants: dict[str, Grant] = {}

    def put_devices(self, resource: str, devices: dict[str, bool]) -> None:
        """Take over a plugin's list."""
        self.devices[resource] = devices
        self.away.discard(resource)

    def lose_plugin(self, resource: str) -> None:
        """Keep the capacity, offer nothing: the plugin's stream has ended. Grants stay."""
        self.away.add(resource)

    def remove_resource(self, resource: str) -> None:
        """Forget a resource whose plugin stayed away. Grants stay."""
        self.devices.pop(resource, None)
        self.away.discard(resource)

    def find_healthy(self, resource: str) -> tuple[str, ...]:
        """Return the ids that are healthy and answered for."""
        if resource in self.away:
            return ()
        return tuple(sorted(id_ for id_, healthy in self.devices.get(resource, {}).items() if healthy))

    def find_free(self, resource: str) -> tuple[str, ...]:
        """Return the healthy ids that nobody holds."""
        held = {id_ for grant in self.grants.values() if grant.resource == resource for id_ in grant.devices}
        return tuple(id_ for id_ in self.find_healthy(resource) if id_ not in held)

    def find_capacity(self) -> dict[str, int]:
        """Return how many devices each resource has, healthy or not."""
        return {resource: len(devices) for resource, devices in self.devices.items()}

    def find_allocatable(self) -> dict[str, int]:
        """Return how many devices of each resource are healthy, held or not."""
        return {resource: len(self.find_healthy(resource)) for resource in self.devices}

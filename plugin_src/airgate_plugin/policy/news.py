"""What is worth an event on the Node: devices that fell ill or got well, those of one cause together. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airgate_plugin.model import Device, DeviceId, Reason

NAMED_MOST = 8  # the API takes 1024 characters, and 32 SoCs may go at once


@dataclass(frozen=True, slots=True)
class News:
    """Devices of one resource whose health changed for one reason."""

    healthy: bool
    resource: str
    reason: Reason
    detail: str
    devices: tuple[DeviceId, ...]

    @property
    def sentence(self) -> str:
        """Return it for a human."""
        more = len(self.devices) - NAMED_MOST
        named = ", ".join(self.devices[:NAMED_MOST]) + (f" and {more} more" if more > 0 else "")
        if self.healthy:
            return f"{named} ({self.resource}) can be granted again"
        return f"{named} ({self.resource}) cannot be granted: {self.reason}: {self.detail}"


def find_news(told: Mapping[DeviceId, bool], devices: Sequence[Device]) -> tuple[News, ...]:
    """Return what differs from the health that was told; a device that nobody has told of yet counts as healthy."""
    groups: dict[tuple[bool, str, Reason, str], list[DeviceId]] = {}
    for device in devices:
        health = device.health
        if device.resource and told.get(device.id, True) is not health.healthy:
            cause = (health.healthy, device.resource, health.reason, health.detail)
            groups.setdefault(cause, []).append(device.id)
    return tuple(News(*cause, tuple(sorted(ids))) for cause, ids in groups.items())

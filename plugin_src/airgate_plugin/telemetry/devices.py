"""What `/devices` answers: each device with its health, in words, and the container that holds it. Pure.

For whoever has to act on it (the webapp's reconciler): a gauge with a reason is for looking at, and the kubelet
evicts no pod from a device that died.
"""

import json
from typing import Any

from airgate_plugin.model import Device, Holder, Holdings, Snapshot
from airgate_plugin.policy.health import is_lost

CONTENT_TYPE = "application/json"


def write_devices(snapshot: Snapshot, holdings: Holdings) -> bytes:
    """Return the JSON of every device that is offered; the README's table has its keys."""
    offered = [device for device in snapshot.find_told() if device.resource]
    return json.dumps({"devices": [_describe(device, holdings.held.get(device.id)) for device in offered]}).encode()


def _describe(device: Device, holder: Holder | None) -> dict[str, Any]:
    held_by = {"namespace": holder.namespace, "pod": holder.pod, "container": holder.container} if holder else None
    return {
        "id": device.id,
        "resource": device.resource,
        "healthy": device.health.healthy,
        "lost": is_lost(device.health),
        "reason": str(device.health.reason),
        "why": device.health.detail,
        "held_by": held_by,
    }

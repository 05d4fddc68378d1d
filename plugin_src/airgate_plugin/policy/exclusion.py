"""Which devices the operator took out of service, and what the kubelet hears of them.

The operator names a device by its id, a SoC by its PCI address, or a whole card by its board serial; a GPU's id names
its MIG devices too. A name with a
node before a slash counts on that node alone. What is out of service is Unhealthy: no new pod gets it, and a pod that
holds it keeps it. Back in service it is as well as its signs, at once.
"""

from collections.abc import Set as AbstractSet
from dataclasses import replace

from airgate_plugin.model import Device, Health, Reason

SENTENCE = "the operator took it out of service; pods that hold it keep it"


def read_exclusions(text: str, node: str) -> frozenset[str]:
    """Return the names that count on `node`: one a line or between commas; a # begins a remark."""
    lines = (line.partition("#")[0] for line in text.splitlines())
    words = (word.strip() for line in lines for word in line.split(","))
    pairs = (word.rpartition("/") for word in words if word)
    return frozenset(name.lower() for where, _, name in pairs if where in ("", node))


def apply_exclusion(device: Device, words: AbstractSet[str], before: Health | None) -> Device:
    """Return the device as the kubelet hears of it; `before` is what the kubelet heard last."""
    names = {device.id, device.parent or device.id, device.address, device.card}
    if words.isdisjoint(name.lower() for name in names):
        return device
    was_excluded = before is not None and before.reason is Reason.EXCLUDED
    since = before.since if before and was_excluded else device.health.since
    return replace(device, health=Health(False, Reason.EXCLUDED, SENTENCE, since), judged=device.health)

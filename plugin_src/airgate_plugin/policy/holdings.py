"""What became of the devices of pods that are gone: the kubelet tells nobody, so it is worked out. Pure.

A device that no pod holds any longer is looked at one round later, when the firmware's own numbers are of after the
end: no network loaded means idle. A busy one has a workload without a pod, and is for a human; nothing is reset here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from airgate_plugin.model import Device, Holder, Holdings

LOADED = "networks_loaded"


def follow_holdings(before: Holdings, held: Mapping[str, Holder], devices: Sequence[Device]) -> Holdings:
    """Return the holdings of this round; `held` is what the kubelet says now, of all plugins."""
    ours: dict[str, Device] = {device.id: device for device in devices}
    now = {each: holder for each, holder in held.items() if each in ours}
    due = [ours[each] for each in sorted(before.unchecked) if each in ours and each not in now]
    found = [find_idleness(device) for device in due]
    counts = {word: getattr(before, word) + found.count(word) for word in ("idle", "busy", "unknown")}
    return replace(before, held=now, unchecked=frozenset(set(before.held) - set(now)), **counts)


def find_idleness(device: Device) -> str:
    """Return idle, busy, or unknown where no source tells."""
    loaded = device.facts.get(LOADED, "")
    if not loaded.isdigit():
        return "unknown"
    return "busy" if int(loaded) else "idle"

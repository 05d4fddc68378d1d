"""What became of the devices of pods that are gone: the kubelet tells nobody, so it is worked out. Pure.

A device that no pod holds any longer is looked at one round later, when the firmware's own numbers are of after the
end. A busy one has a workload without a pod: it is for a human, and is looked at again in each round until it is idle
or another pod has it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from airgate_plugin.model import Device, Holder, Holdings

LOADED, CORES, CORES_FREE = "networks_loaded", "nsp_total", "nsp_free"
States = Mapping[str, Sequence[int]]  # by device id, what the kernel says of each of its channels; 0 is idle


def follow_holdings(
    before: Holdings, held: Mapping[str, Holder], devices: Sequence[Device], states: States | None = None
) -> Holdings:
    """Return the holdings of this round; `held` is what the kubelet says now, of all plugins.

    `states` are those of the devices that `find_due` names, where the kernel tells them.
    """
    ours: dict[str, Device] = {device.id: device for device in devices}
    now = {each: holder for each, holder in held.items() if each in ours}
    due = find_due(before, now, devices)
    found = {device.id: find_idleness(device, (states or {}).get(device.id, ())) for device in due}
    fresh = [word for each, word in found.items() if each in before.unchecked]
    counts = {word: getattr(before, word) + fresh.count(word) for word in ("idle", "busy", "unknown")}
    kept = (each for each, word in found.items() if word == "busy" or (word == "unknown" and each in before.leftover))
    return replace(
        before, held=now, unchecked=frozenset(set(before.held) - set(now)), leftover=frozenset(kept), **counts
    )


def find_due(before: Holdings, held: Mapping[str, Holder], devices: Sequence[Device]) -> tuple[Device, ...]:
    """Return the devices to look at now: let go a round ago, or busy then, and held by nobody."""
    wanted = (before.unchecked | before.leftover) - set(held)
    return tuple(device for device in devices if device.id in wanted)


def find_leftover(held: Mapping[str, Holder], devices: Sequence[Device], states: States) -> frozenset[str]:
    """Return the devices on which a workload sits though no pod holds them, as they are at one moment."""
    free = (device for device in devices if device.id not in held)
    return frozenset(each.id for each in free if find_idleness(each, states.get(each.id, ())) == "busy")


def find_idleness(device: Device, states: Sequence[int] = ()) -> str:
    """Return idle, busy, or unknown where nobody tells.

    The kernel's word on the channels (`states`, from Linux 6.19 on) is of this moment; the firmware's numbers are as
    old as the last answer of qaic-util.
    """
    if states:
        return "busy" if any(states) else "idle"
    loaded, cores, free = (_read_count(device, name) for name in (LOADED, CORES, CORES_FREE))
    is_taken = None if cores is None or free is None else free < cores
    if loaded is None and is_taken is None:
        return "unknown"
    return "busy" if loaded or is_taken else "idle"


def _read_count(device: Device, name: str) -> int | None:
    text = device.facts.get(name, "")
    return int(text) if text.isdigit() else None

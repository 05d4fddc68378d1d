"""From what each source saw, and what was known before, to the devices of now.

The PCI address is the key, and for the MIG devices of one GPU their UUID besides. A device that was ever known stays
known: when no source sees it, it is ill, not absent. Only a MIG device that was destroyed is forgotten after a while.
QID, SKU and board serial are kept from the last good answer, because a SoC that is not Ready prints none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from airgate_plugin.model import (
    Device,
    DeviceId,
    Health,
    NodeState,
    Observation,
    PciAddress,
    Qid,
    Reason,
    Sighting,
    Vendor,
)
from airgate_plugin.policy.exclusion import apply_exclusion
from airgate_plugin.policy.health import Signs, judge_health
from airgate_plugin.policy.naming import choose_card, choose_resource
from airgate_plugin.policy.qids import compute_qids, find_told_qids

SYSFS = "sysfs"
QAIC_UTIL = "qaic-util"
SEEN_BY = {Vendor.QUALCOMM: SYSFS, Vendor.NVIDIA: "nvml"}  # without this source there is no device to grant
MAKERS = frozenset(SEEN_BY.values())
SPLIT_WORDS = ("split", "mig")  # NVML's source says so of a GPU whose MIG is on
FORGET_SECONDS = 600.0  # so long a destroyed MIG device stays on the list, for whoever has to act on its pod

Key = tuple[PciAddress, str]  # where it is, and the UUID of a MIG device: "" for whatever is whole


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator decided: names of resources, and QIDs where neither qaic-util nor the usual order is right."""

    by_sku: bool = False
    names: Mapping[str, str] = field(default_factory=dict)  # a resource's usual name -> the name at this site
    qids: Mapping[PciAddress, Qid] = field(default_factory=dict)


def merge_observations(
    looks: Sequence[Observation], before: Sequence[Device], rules: Rules, now: float
) -> tuple[Device, ...]:
    """Return every device that is or was seen, each with its verdict, ordered by PCI address, then by UUID.

    `looks` is the latest look of each source, `before` the devices of the last snapshot, `now` in seconds of the
    monotonic clock.
    """
    seen = _join_sightings(looks)
    known = {_find_key(device): device for device in before}
    told = find_told_qids(list(seen.values()), before, rules.qids)
    computed = {} if told else compute_qids(list(seen.values()))
    qids = {**computed, **told}
    listed = _find_listed(looks)
    excluded = frozenset(word for look in looks for word in look.excluded)
    devices = []
    for key in sorted({*seen, *known}):
        old, address = known.get(key), key[0]
        signs = replace(
            find_signs(key, seen, old),
            blind=_find_blindness(seen.get(key) or old, looks),
            listed=listed is None or address in listed,
            numbered=address in qids,
        )
        health = judge_health(signs, old.find_judged() if old else None, now)
        device = _describe(seen.get(key) or _remember(known[key]), old, health, rules)
        device = replace(device, qid=qids.get(address), qid_computed=address in computed)
        devices.append(apply_exclusion(device, excluded, old.health if old else None))
    return tuple(device for device in devices if not is_forgotten(device.find_judged(), now))


def find_signs(key: Key, seen: Mapping[Key, Sighting], old: Device | None) -> Signs:
    """Return what was seen of a device; of a MIG device that is not seen, what its GPU says: lost, or destroyed."""
    sighting = seen.get(key)
    if sighting or old is None or not old.profile:
        return Signs(sighting, new_faults=find_new_faults(sighting, old))
    gpu = seen.get((key[0], ""))
    return Signs(gpu if gpu and gpu.status == "lost" else None, removed=gpu is not None)


def is_forgotten(health: Health, now: float) -> bool:
    """Return whether a MIG device was destroyed so long ago that nobody needs to hear of it."""
    return health.reason is Reason.MIG_REMOVED and now - health.since >= FORGET_SECONDS


def _find_key(each: Sighting | Device) -> Key:
    return each.address, (each.id or "") if each.profile else ""


def find_new_faults(sighting: Sighting | None, old: Device | None) -> tuple[Reason, ...]:
    """Return the counters that grew since the last look.

    What was counted before the first look is history; a counter that fell was set back by a reset and starts anew.
    """
    if sighting is None or old is None:
        return ()
    return tuple(
        reason for reason, count in sighting.faults.items() if reason in old.faults and count > old.faults[reason]
    )


def _join_sightings(looks: Sequence[Observation]) -> dict[Key, Sighting]:
    """Join what sources say of one device; the first source that can tell a thing wins, in facts the last.

    Only sysfs and NVML make a device: without them there is no node to grant.
    """
    joined: dict[Key, Sighting] = {}
    for look in sorted(looks, key=lambda each: (each.source not in MAKERS, each.source == QAIC_UTIL)):
        for sighting in look.sightings:
            key = _find_key(sighting)
            if other := joined.get(key):
                joined[key] = _join(other, sighting)
            elif look.source in MAKERS:
                joined[key] = sighting
    return joined


def _join(first: Sighting, second: Sighting) -> Sighting:
    return replace(
        first,
        qid=first.qid if first.qid is not None else second.qid,
        numa=first.numa if first.numa is not None else second.numa,
        status=first.status or second.status,
        sku=first.sku or second.sku,
        serial=first.serial or second.serial,
        degraded=first.degraded or second.degraded,
        faults={**first.faults, **second.faults},
        facts={**first.facts, **second.facts},
    )


def _find_listed(looks: Sequence[Observation]) -> frozenset[PciAddress] | None:
    """Return the addresses that qaic-util can be held to; None where it is absent, failed or was not understood."""
    util = next((look for look in looks if look.source == QAIC_UTIL and look.trouble is None), None)
    return frozenset(s.address for s in util.sightings) if util else None


def _find_blindness(subject: Sighting | Device | None, looks: Sequence[Observation]) -> str:
    """Return why the source that sees this device could not look; "" where it could."""
    source = SEEN_BY[subject.vendor] if subject else ""
    return next((look.trouble or "" for look in looks if look.source == source), "")


def _remember(old: Device) -> Sighting:
    seen = Sighting(old.vendor, old.address, id=old.id, numa=old.numa, node_state=NodeState.MISSING)
    return replace(seen, profile=old.profile, parent=old.parent)


def _describe(sighting: Sighting, old: Device | None, health: Health, rules: Rules) -> Device:
    """Return the device with what is seen now, filled up with what was known; the QID is put in by the caller."""
    sku = sighting.sku or (old.sku if old else None)
    serial = sighting.serial or (old.serial if old else None)
    card, size = choose_card(sighting.address, sku, serial)
    resource = choose_resource(sighting.vendor, sku, rules.by_sku, rules.names, sighting.profile)
    was_split = old is not None and old.is_split
    is_split = not sighting.profile and (sighting.status in SPLIT_WORDS or (was_split and sighting.status != "ok"))
    return Device(
        id=sighting.id or DeviceId(sighting.address),
        vendor=sighting.vendor,
        address=sighting.address,
        card=card,
        card_size=size,
        health=health,
        resource=None if is_split else resource,
        profile=sighting.profile,
        parent=sighting.parent,
        is_split=is_split,
        accel=sighting.accel if sighting.accel is not None or not old else old.accel,
        mhi=sighting.mhi if sighting.mhi is not None or not old else old.mhi,
        nodes=sighting.nodes or (old.nodes if old else ()),
        numa=sighting.numa,
        sku=sku,
        serial=serial,
        faults=sighting.faults or (old.faults if old else {}),
        facts=sighting.facts,
    )

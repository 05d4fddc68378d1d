"""From what each source saw, and what was known before, to the devices of now.

The PCI address is the key. A device that was ever known stays known: when no source sees it, it is ill, not absent.
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

SYSFS = "sysfs"
QAIC_UTIL = "qaic-util"
SEEN_BY = {Vendor.QUALCOMM: SYSFS, Vendor.NVIDIA: "nvml"}  # without this source there is no device to grant
MAKERS = frozenset(SEEN_BY.values())


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator decided: names of resources, and QIDs where neither qaic-util nor the usual order is right."""

    by_sku: bool = False
    names: Mapping[str, str] = field(default_factory=dict)  # a resource's usual name -> the name at this site
    qids: Mapping[PciAddress, Qid] = field(default_factory=dict)


def merge_observations(
    looks: Sequence[Observation], before: Sequence[Device], rules: Rules, now: float
) -> tuple[Device, ...]:
    """Return every device that is or was seen, each with its verdict, ordered by PCI address.

    `looks` is the latest look of each source, `before` the devices of the last snapshot, `now` in seconds of the
    monotonic clock.
    """
    seen = _join_sightings(looks)
    known = {device.address: device for device in before}
    told = find_told_qids(list(seen.values()), before, rules)
    computed = {} if told else compute_qids(list(seen.values()))
    qids = {**computed, **told}
    listed = _find_listed(looks)
    excluded = frozenset(word for look in looks for word in look.excluded)
    devices = []
    for address in sorted({*seen, *known}):
        sighting, old = seen.get(address), known.get(address)
        is_listed = listed is None or address in listed
        faults = find_new_faults(sighting, old)
        signs = Signs(sighting, _find_blindness(sighting or old, looks), is_listed, address in qids, faults)
        health = judge_health(signs, old.find_judged() if old else None, now)
        device = _describe(sighting or _remember(known[address]), old, health, rules)
        device = replace(device, qid=qids.get(address), qid_computed=address in computed)
        devices.append(apply_exclusion(device, excluded, old.health if old else None))
    return tuple(devices)


def find_new_faults(sighting: Sighting | None, old: Device | None) -> tuple[Reason, ...]:
    """Return the counters that grew since the last look.

    What was counted before the first look is history; a counter that fell was set back by a reset and starts anew.
    """
    if sighting is None or old is None:
        return ()
    return tuple(
        reason for reason, count in sighting.faults.items() if reason in old.faults and count > old.faults[reason]
    )


def find_told_qids(seen: Sequence[Sighting], before: Sequence[Device], rules: Rules) -> dict[PciAddress, Qid]:
    """Return the QIDs that somebody told: the operator, else qaic-util now, else qaic-util before.

    A number that a stronger voice gives to another SoC is nobody else's.
    """
    now = {s.address: s.qid for s in seen if s.qid is not None}
    remembered = {d.address: d.qid for d in before if d.qid is not None and not d.qid_computed}
    told: dict[PciAddress, Qid] = dict(rules.qids)
    for layer in (now, remembered):
        taken = set(told.values())
        told = {address: qid for address, qid in layer.items() if qid not in taken} | told
    return told


def compute_qids(seen: Sequence[Sighting]) -> dict[PciAddress, Qid]:
    """Return QIDs for all Qualcomm SoCs by the runtime's order.

    Only for hosts where qaic-util never answered: computing some beside told ones could give one number twice.
    """
    in_order = sorted((s.address for s in seen if s.vendor is Vendor.QUALCOMM), key=order_as_the_runtime)
    return {address: Qid(number) for number, address in enumerate(in_order)}


def order_as_the_runtime(address: PciAddress) -> str:
    """Return the text by which Qualcomm's open runtime sorts: the address in decimal digits, compared as text."""
    domain, bus, rest = address.split(":")
    device, function = rest.split(".")
    return f"{int(domain, 16):04d}{int(bus, 16):02d}{int(device, 16):02d}{int(function, 16):02d}"


def _join_sightings(looks: Sequence[Observation]) -> dict[PciAddress, Sighting]:
    """Join what sources say of one address; the first source that can tell a thing wins, in facts the last.

    Only sysfs and NVML make a device: without them there is no node to grant.
    """
    joined: dict[PciAddress, Sighting] = {}
    for look in sorted(looks, key=lambda each: (each.source not in MAKERS, each.source == QAIC_UTIL)):
        for sighting in look.sightings:
            other = joined.get(sighting.address)
            if other:
                joined[sighting.address] = _join(other, sighting)
            elif look.source in MAKERS:
                joined[sighting.address] = sighting
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
    return Sighting(old.vendor, old.address, id=old.id, numa=old.numa, node_state=NodeState.MISSING)


def _describe(sighting: Sighting, old: Device | None, health: Health, rules: Rules) -> Device:
    """Return the device with what is seen now, filled up with what was known; the QID is put in by the caller."""
    sku = sighting.sku or (old.sku if old else None)
    serial = sighting.serial or (old.serial if old else None)
    card, size = choose_card(sighting.address, sku, serial)
    return Device(
        id=sighting.id or DeviceId(sighting.address),
        vendor=sighting.vendor,
        address=sighting.address,
        card=card,
        card_size=size,
        health=health,
        resource=choose_resource(sighting.vendor, sku, rules.by_sku, rules.names),
        accel=sighting.accel if sighting.accel is not None or not old else old.accel,
        mhi=sighting.mhi if sighting.mhi is not None or not old else old.mhi,
        nodes=sighting.nodes or (old.nodes if old else ()),
        numa=sighting.numa,
        sku=sku,
        serial=serial,
        faults=sighting.faults or (old.faults if old else {}),
        facts=sighting.facts,
    )

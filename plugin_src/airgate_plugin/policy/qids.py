"""Which QID each Qualcomm SoC has: told by the operator or by qaic-util, or worked out. Pure."""

from collections.abc import Mapping, Sequence

from airgate_plugin.model import Device, PciAddress, Qid, Sighting, Vendor


def find_told_qids(
    seen: Sequence[Sighting], before: Sequence[Device], by_hand: Mapping[PciAddress, Qid]
) -> dict[PciAddress, Qid]:
    """Return the QIDs that somebody told: the operator, else qaic-util now, else qaic-util before.

    A number that a stronger voice gives to another SoC is nobody else's.
    """
    now = {s.address: s.qid for s in seen if s.qid is not None}
    remembered = {d.address: d.qid for d in before if d.qid is not None and not d.qid_computed}
    told: dict[PciAddress, Qid] = dict(by_hand)
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

"""Qualcomm SoCs as the kernel shows them: PCI devices of vendor 17cb, and their nodes through the accel class.

The accel class is shared with other vendors, so an entry counts only if its PCI device is one of ours. The old
out-of-tree driver has a class of its own, with nodes /dev/qaic_aic100_N.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from airgate_plugin.model import AccelMinor, MhiId, NodeState, Observation, PciAddress, Reason, Sighting, Vendor
from airgate_plugin.sources.hostfs import HostFiles

PCI = "/sys/bus/pci/devices"
VENDOR_QUALCOMM = 0x17CB
DEVICES = frozenset({0xA100, 0xA080, 0xA110})  # AIC100, AIC080, AIC200
CLASSES = frozenset({0x1200, 0xFF00})  # processing accelerator, unassigned
GROUP = "qaic"

ACCEL = re.compile(r"accel(\d+)$")
OLD_NODE = re.compile(r"qaic_aic100_(\d+)$")
MHI = re.compile(r"mhi(\d+)$")
NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Link:
    """A PCIe link as sysfs shows it: speed in GT/s, width in lanes; None where a file does not tell."""

    speed: float | None
    width: float | None
    max_speed: float | None
    max_width: float | None


class QaicSysfs:
    """Looks at sysfs and at the device nodes; needs no SDK."""

    name = "sysfs"

    def __init__(self, host: HostFiles) -> None:
        """Look at `host`."""
        self._host = host

    def look(self) -> Observation:
        """Return every SoC on the PCI bus, with its node where the driver made one."""
        try:
            nodes = dict(self._find_nodes())
            sightings = tuple(self._look_at(address, nodes) for address in self._find_socs())
        except OSError as why:
            trouble = f"{why.filename} cannot be read: {why.strerror}"
            return Observation(self.name, (), trouble)
        return Observation(self.name, sightings, None, self._host.find_group_id(GROUP))

    def _find_socs(self) -> list[PciAddress]:
        return [PciAddress(name) for name in self._host.find_names(PCI) if self._is_ours(name)]

    def _is_ours(self, name: str) -> bool:
        at = f"{PCI}/{name}"
        if self._host.read_number(f"{at}/vendor", 16) != VENDOR_QUALCOMM:
            return False
        pci_class = self._host.read_number(f"{at}/class", 16)
        return (
            self._host.read_number(f"{at}/device", 16) in DEVICES
            and pci_class is not None
            and pci_class >> 8 in CLASSES
        )

    def _find_nodes(self) -> Iterator[tuple[PciAddress, tuple[str, AccelMinor | None]]]:
        """Yield (PCI address, (device node, accel minor)) of every accelerator entry, other vendors' included."""
        for name in self._host.find_names("/sys/class/accel"):
            if found := ACCEL.match(name):
                yield from self._find_owner(f"/sys/class/accel/{name}", f"/dev/accel/{name}", int(found[1]))
        for folder in self._host.find_names("/sys/class"):
            for name in self._host.find_names(f"/sys/class/{folder}") if "qaic" in folder else ():
                if OLD_NODE.match(name):
                    yield from self._find_owner(f"/sys/class/{folder}/{name}", f"/dev/{name}", None)

    def _find_owner(
        self, entry: str, node: str, minor: int | None
    ) -> Iterator[tuple[PciAddress, tuple[str, AccelMinor | None]]]:
        owner = self._host.read_link_name(f"{entry}/device")
        if owner:
            yield PciAddress(owner), (node, None if minor is None else AccelMinor(minor))

    def _look_at(self, address: PciAddress, nodes: dict[PciAddress, tuple[str, AccelMinor | None]]) -> Sighting:
        node, accel = nodes.get(address, (None, None))
        at = f"{PCI}/{address}"
        numa = self._host.read_number(f"{at}/numa_node")
        return Sighting(
            vendor=Vendor.QUALCOMM,
            address=address,
            accel=accel,
            mhi=self._find_mhi(address),
            nodes=(node,) if node else (),
            node_state=self._host.read_node_state(node) if node else NodeState.MISSING,
            numa=numa if numa is not None and numa >= 0 else None,
            degraded=explain_link(self._read_link(at), self._read_link(f"{at}/..")),
            faults=self._read_faults(at),
            facts=self._read_facts(at),
        )

    def _find_mhi(self, address: PciAddress) -> MhiId | None:
        found = (MHI.match(name) for name in self._host.find_names(f"{PCI}/{address}"))
        return next((MhiId(int(match[1])) for match in found if match), None)

    def _read_link(self, at: str) -> Link:
        names = ("current_link_speed", "current_link_width", "max_link_speed", "max_link_width")
        return Link(*(read_leading_number(self._host.read_text(f"{at}/{name}")) for name in names))

    def _read_faults(self, at: str) -> dict[Reason, int]:
        """Return the count of errors that the hardware could not correct; {} on kernels that do not count."""
        counts = [self._host.read_number(f"{at}/{name}") for name in ("ue_count", "ue_nonfatal_count")]
        known = [count for count in counts if count is not None]
        return {Reason.UNCORRECTED_ERRORS: sum(known)} if known else {}

    def _read_facts(self, at: str) -> dict[str, str]:
        speed, width = (
            self._host.read_text(f"{at}/current_link_speed"),
            self._host.read_text(f"{at}/current_link_width"),
        )
        corrected = self._host.read_text(f"{at}/ce_count")
        facts = {"pcie_link": f"{speed} x{width}"} if speed and width else {}
        return {**facts, "corrected_errors": corrected} if corrected else facts


def read_leading_number(text: str | None) -> float | None:
    """Return the number that a text begins with ("16.0 GT/s PCIe"); None where there is none."""
    found = NUMBER.match(text or "")
    return float(found[0]) if found else None


def explain_link(link: Link, upstream: Link) -> str:
    """Return a sentence where a link is poorer than both its ends allow; "" where it is not, or nobody can tell.

    The card's own maximum alone would blame a card in an older slot, so the upstream port's counts too.
    """
    for name, current, most, slot in (
        ("speed in GT/s", link.speed, link.max_speed, upstream.max_speed),
        ("width", link.width, link.max_width, upstream.max_width),
    ):
        best = min((end for end in (most, slot) if end is not None), default=None)
        if current is not None and best is not None and current < best:
            return f"the {name} of its PCIe link is {current:g} where {best:g} is possible; reseat the card"
    return ""

"""Qualcomm SoCs as the kernel shows them: PCI devices of vendor 17cb, and their nodes through the accel class.

The accel class is shared with other vendors, so an entry counts only if its PCI device is one of ours. The old
out-of-tree driver has a class of its own, with nodes /dev/qaic_aic100_N.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from airgate_plugin.model import AccelMinor, MhiId, NodeState, Observation, PciAddress, Reason, Sighting, Vendor
from airgate_plugin.sources.hostfs import HostFiles
from airgate_plugin.sources.qaic_hwmon import read_hwmon

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
class Fixed:
    """What never changes of a SoC while it is there: which device it is, its NUMA node, and its link at its best.

    The best of a link is what the card and the port above it can both do: the card's own limit alone would blame a
    card in an older slot. GT/s and lanes; None where sysfs does not tell.
    """

    birth: int
    numa: int | None
    best_speed: float | None
    best_width: float | None


class QaicSysfs:
    """Looks at sysfs and at the device nodes; needs no SDK."""

    name = "sysfs"

    def __init__(self, host: HostFiles) -> None:
        """Look at `host`."""
        self._host = host
        self._fixed: dict[str, Fixed] = {}  # by PCI address; what is read once for the life of a device

    def look(self) -> Observation:
        """Return every SoC on the PCI bus, with its node where the driver made one."""
        try:
            nodes = dict(self._find_nodes())
            sightings = tuple(self._look_at(address, nodes) for address in self._find_socs())
        except OSError as why:
            trouble = f"{why.filename} cannot be read: {why.strerror}"
            return Observation(self.name, (), trouble)
        return Observation(self.name, sightings, None, self._host.find_group_id(GROUP))

    def find_node_of_each(self) -> dict[PciAddress, str]:
        """Return the device node of every SoC that has one. Raises OSError where sysfs cannot be read."""
        nodes = dict(self._find_nodes())
        return {address: nodes[address][0] for address in self._find_socs() if address in nodes}

    def _find_socs(self) -> list[PciAddress]:
        return [PciAddress(name) for name in self._host.find_names(PCI) if self._find_fixed(name)]

    def _find_fixed(self, name: str) -> Fixed | None:
        """Return what never changes of a SoC; None where a PCI device is none of ours. A new device is read anew."""
        birth = self._host.find_birth(f"{PCI}/{name}")
        known = self._fixed.get(name)
        if known and known.birth == birth:
            return known
        if birth is None or not self._is_ours(name):
            return None
        numa = self._host.read_number(f"{PCI}/{name}/numa_node")
        best = [self._read_limits(f"{PCI}/{name}"), self._read_limits(f"{PCI}/{name}/..")]
        self._fixed[name] = Fixed(birth, numa if numa is not None and numa >= 0 else None, *map(find_least, *best))
        return self._fixed[name]

    def _read_limits(self, at: str) -> list[float | None]:
        return [
            read_leading_number(self._host.read_text(f"{at}/{name}")) for name in ("max_link_speed", "max_link_width")
        ]

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
        at, fixed = f"{PCI}/{address}", self._fixed[address]
        speed, width = (self._host.read_text(f"{at}/current_link_{name}") for name in ("speed", "width"))
        return Sighting(
            vendor=Vendor.QUALCOMM,
            address=address,
            accel=accel,
            mhi=self._find_mhi(address),
            nodes=(node,) if node else (),
            node_state=self._host.read_node_state(node) if node else NodeState.MISSING,
            numa=fixed.numa,
            degraded=explain_link(read_leading_number(speed), read_leading_number(width), fixed),
            faults=self._read_faults(at),
            facts=_write_facts(speed, width, self._host.read_text(f"{at}/ce_count")) | read_hwmon(self._host, at),
        )

    def _find_mhi(self, address: PciAddress) -> MhiId | None:
        found = (MHI.match(name) for name in self._host.find_names(f"{PCI}/{address}"))
        return next((MhiId(int(match[1])) for match in found if match), None)

    def _read_faults(self, at: str) -> dict[Reason, int]:
        """Return the count of errors that the hardware could not correct; {} on kernels that do not count."""
        counts = [self._host.read_number(f"{at}/{name}") for name in ("ue_count", "ue_nonfatal_count")]
        known = [count for count in counts if count is not None]
        return {Reason.UNCORRECTED_ERRORS: sum(known)} if known else {}


def _write_facts(speed: str | None, width: str | None, corrected: str | None) -> dict[str, str]:
    facts = {"pcie_link": f"{speed} x{width}"} if speed and width else {}
    return {**facts, "corrected_errors": corrected} if corrected else facts


def read_leading_number(text: str | None) -> float | None:
    """Return the number that a text begins with ("16.0 GT/s PCIe"); None where there is none."""
    found = NUMBER.match(text or "")
    return float(found[0]) if found else None


def find_least(one: float | None, other: float | None) -> float | None:
    """Return the smaller of two limits, either of which may be unknown."""
    return min((each for each in (one, other) if each is not None), default=None)


def explain_link(speed: float | None, width: float | None, fixed: Fixed) -> str:
    """Return a sentence where a link is poorer than both its ends allow; "" where it is not, or nobody can tell."""
    for name, current, best in (("speed in GT/s", speed, fixed.best_speed), ("width", width, fixed.best_width)):
        if current is not None and best is not None and current < best:
            return f"the {name} of its PCIe link is {current:g} where {best:g} is possible; reseat the card"
    return ""

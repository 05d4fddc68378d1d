"""Qualcomm SoCs as the kernel shows them: PCI devices of vendor 17cb, and their nodes through the accel class.

The accel class is shared with other vendors, so an entry counts only if its PCI device is one of ours. The old
out-of-tree driver has a class of its own, with nodes /dev/qaic_aic100_N.
"""

import re
from collections.abc import Iterator

from airgate_plugin.model import AccelMinor, MhiId, NodeState, Observation, PciAddress, Sighting, Vendor
from airgate_plugin.sources.hostfs import HostFiles

PCI = "/sys/bus/pci/devices"
VENDOR_QUALCOMM = 0x17CB
DEVICES = frozenset({0xA100, 0xA080, 0xA110})  # AIC100, AIC080, AIC200
CLASSES = frozenset({0x1200, 0xFF00})  # processing accelerator, unassigned
GROUP = "qaic"

ACCEL = re.compile(r"accel(\d+)$")
OLD_NODE = re.compile(r"qaic_aic100_(\d+)$")
MHI = re.compile(r"mhi(\d+)$")


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
        numa = self._host.read_number(f"{PCI}/{address}/numa_node")
        return Sighting(
            vendor=Vendor.QUALCOMM,
            address=address,
            accel=accel,
            mhi=self._find_mhi(address),
            nodes=(node,) if node else (),
            node_state=self._host.read_node_state(node) if node else NodeState.MISSING,
            numa=numa if numa is not None and numa >= 0 else None,
            facts=self._read_link(address),
        )

    def _find_mhi(self, address: PciAddress) -> MhiId | None:
        found = (MHI.match(name) for name in self._host.find_names(f"{PCI}/{address}"))
        return next((MhiId(int(match[1])) for match in found if match), None)

    def _read_link(self, address: PciAddress) -> dict[str, str]:
        speed = self._host.read_text(f"{PCI}/{address}/current_link_speed")
        width = self._host.read_text(f"{PCI}/{address}/current_link_width")
        return {"pcie_link": f"{speed} x{width}"} if speed and width else {}

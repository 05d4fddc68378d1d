"""Qualcomm SoCs as the kernel shows them: PCI devices of vendor 17cb, and their nodes through the accel class.

The accel class is shared with other vendors, so an entry counts only if its PCI device is one of ours. The old
out-of-tree driver has a class of its own, with nodes /dev/qaic_aic100_N.
"""

import re
from collections.abc import Iterator

from airgate_plugin.model import AccelMinor, NodeState, Observation, PciAddress, Sighting
from airgate_plugin.sources.hostfs import HostFiles
from airgate_plugin.sources.qaic_files import Fixed, Raw, find_least, interpret, read_leading_number
from airgate_plugin.sources.qaic_hwmon import read_hwmon

PCI = "/sys/bus/pci/devices"
VENDOR_QUALCOMM = 0x17CB
DEVICES = frozenset({0xA100, 0xA080, 0xA110})  # AIC100, AIC080, AIC200
CLASSES = frozenset({0x1200, 0xFF00})  # processing accelerator, unassigned
GROUP = "qaic"
UNCORRECTED = ("ue_count", "ue_nonfatal_count")
LEISURELY = ("current_link_speed", "current_link_width", "ce_count")
LEISURE = 3  # looks; what no decision within seconds hangs on is read once in so many
EVERY_OTHER = 2  # looks; errors are counted for hours, and their files are half of what there is to read

ACCEL = re.compile(r"accel(\d+)$")
OLD_NODE = re.compile(r"qaic_aic100_(\d+)$")


class QaicSysfs:
    """Looks at sysfs and at the device nodes; needs no SDK."""

    name = "sysfs"

    def __init__(self, host: HostFiles) -> None:
        """Look at `host`."""
        self._host = host
        self._fixed: dict[str, Fixed] = {}  # by PCI address; what is read once for the life of a device
        self._strangers: dict[str, int] = {}  # births of other vendors' PCI devices: a server has hundreds
        self._owners: dict[str, tuple[int, str | None]] = {}  # births and PCI devices of entries of the accel class
        self._sighted: dict[PciAddress, tuple[Raw, Sighting]] = {}
        self._looks = -1

    def look(self) -> Observation:
        """Return every SoC on the PCI bus, with its node where the driver made one."""
        self._looks += 1
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
        found = self._host.find_births(PCI).items()
        return [PciAddress(name) for name, birth in found if self._find_fixed(name, birth)]

    def _find_fixed(self, name: str, birth: int) -> Fixed | None:
        """Return what never changes of a SoC; None where a PCI device is none of ours. A new device is read anew."""
        known = self._fixed.get(name)
        if known and known.birth == birth:
            return known
        if self._strangers.get(name) == birth or not self._is_ours(name, birth):
            return None
        numa = self._host.read_number(f"{PCI}/{name}/numa_node")
        best = [self._read_limits(f"{PCI}/{name}"), self._read_limits(f"{PCI}/{name}/..")]
        self._sighted.pop(PciAddress(name), None)
        self._fixed[name] = Fixed(birth, numa if numa is not None and numa >= 0 else None, *map(find_least, *best))
        return self._fixed[name]

    def _read_limits(self, at: str) -> list[float | None]:
        return [
            read_leading_number(self._host.read_text(f"{at}/{name}")) for name in ("max_link_speed", "max_link_width")
        ]

    def _is_ours(self, name: str, birth: int) -> bool:
        at = f"{PCI}/{name}"
        vendor = self._host.read_number(f"{at}/vendor", 16)
        if vendor != VENDOR_QUALCOMM:
            if vendor is not None:  # else it is on its way in, or out
                self._strangers[name] = birth
            return False
        pci_class = self._host.read_number(f"{at}/class", 16)
        return (
            self._host.read_number(f"{at}/device", 16) in DEVICES
            and pci_class is not None
            and pci_class >> 8 in CLASSES
        )

    def _find_nodes(self) -> Iterator[tuple[PciAddress, tuple[str, AccelMinor | None]]]:
        """Yield (PCI address, (device node, accel minor)) of every accelerator entry, other vendors' included."""
        for name, birth in self._host.find_births("/sys/class/accel").items():
            if found := ACCEL.match(name):
                owner = self._find_accel_owner(name, birth)
                if owner:
                    yield PciAddress(owner), (f"/dev/accel/{name}", AccelMinor(int(found[1])))
        for folder in self._host.find_names("/sys/class"):
            for name in self._host.find_names(f"/sys/class/{folder}") if "qaic" in folder else ():
                owner = OLD_NODE.match(name) and self._host.read_link_name(f"/sys/class/{folder}/{name}/device")
                if owner:
                    yield PciAddress(owner), (f"/dev/{name}", None)

    def _find_accel_owner(self, name: str, birth: int) -> str | None:
        """Return the PCI device of an entry of the accel class, read once for its life; None where there is none."""
        known = self._owners.get(name)
        if known is None or known[0] != birth or known[1] is None:
            known = self._owners[name] = birth, self._host.read_link_name(f"/sys/class/accel/{name}/device")
        return known[1]

    def _look_at(self, address: PciAddress, nodes: dict[PciAddress, tuple[str, AccelMinor | None]]) -> Sighting:
        known = self._sighted.get(address)
        raw = self._read(address, nodes.get(address, (None, None)), known and known[0])
        if known and known[0] == raw:
            return known[1]
        sighting = interpret(raw, self._fixed[address])
        self._sighted[address] = raw, sighting
        return sighting

    def _read(self, address: PciAddress, entry: tuple[str | None, AccelMinor | None], known: Raw | None) -> Raw:
        at, (node, accel) = f"{PCI}/{address}", entry
        state = self._host.read_node_state(node) if node else NodeState.MISSING
        errors = known.errors if known and self._looks % EVERY_OTHER else self._read_errors(at)
        if known and self._looks % LEISURE:
            return known._replace(accel=accel, node=node, node_state=state, errors=errors)
        names = self._host.find_names(at)
        texts = {name: self._host.read_text(f"{at}/{name}") for name in LEISURELY}
        readings = read_hwmon(self._host, at) if "hwmon" in names else {}
        return Raw(address, accel, node, state, errors, names, texts, readings)

    def _read_errors(self, at: str) -> list[str | None]:
        return [self._host.read_text(f"{at}/{name}") for name in UNCORRECTED]

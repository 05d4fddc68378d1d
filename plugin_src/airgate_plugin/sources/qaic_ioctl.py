"""Qualcomm SoCs as their own firmware describes them: one request through the driver, without the Platform SDK.

It tells SKU, board serial, memory and neural cores, and needs only the right to open the device node. Where that right
is missing, or nothing behind the node answers (a simulated one), this source says nothing and is no trouble.
No real card has answered this code: request and reply follow the driver's public header (qaic_accel.h) and what is
publicly known of the firmware's reply; `ask` is the one place where a test, or a correction, takes over.
"""

import array
import fcntl
import os
import struct
from collections.abc import Callable

from airgate_plugin.model import Observation, PciAddress, Sighting, Vendor
from airgate_plugin.sources.hostfs import HostFiles
from airgate_plugin.sources.qaic_sysfs import QaicSysfs

MANAGE = 0xC0106440  # DRM_IOCTL_QAIC_MANAGE
MANAGE_MESSAGE = "=IIQ"  # len, count, address of the data
REQUEST = struct.pack("=IIIIQ", 1, 24, 13, 0, 0)  # passthrough from user, length, status request, rest zero
REPLY_TYPE, REPLY_COMMAND = 3, 14
REPLY_MIN, BUFFER_BYTES = 341, 4096
SKUS = (  # by the id at offset 340; 0 is Invalid
    *("", "M.2", "PCIe", "PCIe Pro", "PCIe Lite", "PCIe Ultra", "Auto", "PCIe Ultra Plus"),
    *("PCIe 080", "PCIe Ultra 080"),
)


def ask_status(node: str) -> bytes:
    """Return the firmware's reply through one device node. Raises OSError where it cannot be opened or asked."""
    descriptor = os.open(node, os.O_RDWR | os.O_CLOEXEC)
    try:
        buffer = array.array("B", REQUEST.ljust(BUFFER_BYTES, b"\0"))
        address, _ = buffer.buffer_info()
        fcntl.ioctl(descriptor, MANAGE, struct.pack(MANAGE_MESSAGE, len(REQUEST), 1, address))
    finally:
        os.close(descriptor)
    return buffer.tobytes()


class QaicIoctl:
    """Asks every SoC that has a device node."""

    name = "ioctl"

    def __init__(self, host: HostFiles, ask: Callable[[str], bytes] = ask_status) -> None:
        """Ask the nodes of `host` through `ask`."""
        self._host = host
        self._sysfs = QaicSysfs(host)
        self._ask = ask

    def look(self) -> Observation:
        """Ask once and return what answered; where sysfs cannot be read, its own source says so."""
        try:
            nodes = self._sysfs.find_node_of_each()
        except OSError:
            nodes = {}
        asked = (self._ask_one(address, node) for address, node in nodes.items())
        return Observation(self.name, tuple(sighting for sighting in asked if sighting))

    def _ask_one(self, address: PciAddress, node: str) -> Sighting | None:
        try:
            return read_reply(address, self._ask(self._host.name_path(node)))
        except OSError:
            return None


def read_reply(address: PciAddress, reply: bytes) -> Sighting | None:
    """Return what a reply says; None for one that is short, of another kind, or tells of a failure."""
    if len(reply) < REPLY_MIN:
        return None
    kind, _, command, status = struct.unpack_from("=IIIi", reply)
    if (kind, command, status) != (REPLY_TYPE, REPLY_COMMAND, 0):
        return None
    total, free = struct.unpack_from("=II", reply, 176)
    sku = reply[340]
    return Sighting(
        vendor=Vendor.QUALCOMM,
        address=address,
        sku=(SKUS[sku] if sku < len(SKUS) else "") or None,
        serial=_read_text(reply[140:172]),
        facts={
            "firmware": ".".join(map(str, reply[24:28])),
            "dram_total": f"{total} KB",
            "dram_free": f"{free} KB",
            "nsp_total": str(reply[190]),
            "nsp_free": str(reply[191]),
            "networks_loaded": str(reply[280]),
        },
    )


def _read_text(field: bytes) -> str | None:
    """Return the text of a field that may lack its NUL; None where it is empty."""
    return field.partition(b"\0")[0].decode("ascii", errors="replace").strip() or None

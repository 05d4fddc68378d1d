"""The one thing that the plugin ever writes to the host's sysfs, and only where the operator asked for it: a reset."""

import os

from airgate_plugin.model import Device
from airgate_plugin.sources.hostfs import HostFiles
from airgate_plugin.sources.qaic_files import MHI


def reset_soc(host: HostFiles, device: Device) -> None:
    """Reset a SoC through its MHI device. Raises OSError where that cannot be written.

    The MHI device is looked for now, and below the SoC's own PCI device: a number known from before may be another
    SoC's by this time. See the kernel's Documentation/ABI/stable/sysfs-bus-mhi.
    """
    at = f"/sys/bus/pci/devices/{device.address}"
    names = [name for name in host.find_names(at) if MHI.match(name)]
    if not names:
        raise FileNotFoundError(2, "it has no MHI device", device.id)
    path = host.find_path(f"{at}/{names[0]}/soc_reset")
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)  # never made: a missing one is an error
    try:
        os.write(descriptor, b"1")
    finally:
        os.close(descriptor)

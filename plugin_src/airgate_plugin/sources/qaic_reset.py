"""The one thing that the plugin ever writes to the host's sysfs, and only where the operator asked for it: a reset."""

import os

from airgate_plugin.model import Device
from airgate_plugin.sources.hostfs import HostFiles


def reset_soc(host: HostFiles, device: Device) -> None:
    """Reset a SoC through its MHI device. Raises OSError where that cannot be written.

    See the kernel's Documentation/ABI/stable/sysfs-bus-mhi.
    """
    if device.mhi is None:
        raise FileNotFoundError(2, "its MHI device is not known", device.id)
    path = host.find_path(f"/sys/bus/mhi/devices/mhi{device.mhi}/soc_reset")
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)  # never made: a missing one is an error
    try:
        os.write(descriptor, b"1")
    finally:
        os.close(descriptor)

"""Whether a workload sits on a Qualcomm SoC, as the kernel knows it: the state of each DMA bridge channel (DBC).

Linux 6.19 and newer tell it in accel/accelN/dbcM_state: 0 is idle, anything else is a channel that a workload has.
It is read when it is asked for, and not at each look: sixteen files a SoC would be most of an idle plugin's work.
"""

import re

from airgate_plugin.model import Device
from airgate_plugin.sources.hostfs import HostFiles

STATE = re.compile(r"dbc\d+_state$")


def read_channels(host: HostFiles, device: Device) -> tuple[int, ...]:
    """Return the states of a SoC's channels; () where the kernel does not tell them."""
    if device.accel is None:
        return ()
    at = f"/sys/class/accel/accel{device.accel}"
    try:
        names = [name for name in host.find_names(at) if STATE.match(name)]
    except OSError:
        return ()
    states = (host.read_number(f"{at}/{name}") for name in names)
    return tuple(state for state in states if state is not None)

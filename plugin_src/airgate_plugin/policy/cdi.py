"""The CDI specification: how a container that is not root comes into the host's group `qaic`. Pure.

Device nodes belong to that group. The kubelet's own answer can name nodes and variables, but no group; a CDI device
can (https://github.com/cncf-tags/container-device-interface, `additionalGids` since 0.7.0). It says nothing else: the
nodes stay in the kubelet's answer, so that a container keeps them where a runtime knows no CDI.
"""

import json
from collections.abc import Iterable

from airgate_plugin.model import Device, Vendor

VERSION = "0.7.0"
KIND = "airgate.io/qaic"


def name_device(device: Device) -> str:
    """Return the CDI name of a device: vendor.com/class=name."""
    return f"{KIND}={device.id}"


def write_spec(devices: Iterable[Device], qaic_gid: int) -> str:
    """Return the specification of all Qualcomm devices as JSON, ill ones included: their containers may restart."""
    edits = {"additionalGids": [qaic_gid]}
    named = [{"name": device.id, "containerEdits": edits} for device in devices if device.vendor is Vendor.QUALCOMM]
    return json.dumps({"cdiVersion": VERSION, "kind": KIND, "devices": named}, indent=2) + "\n"

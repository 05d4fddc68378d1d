"""The CDI specifications: what a container gets of its devices that the kubelet's own answer cannot give. Pure.

Qualcomm: a container that is not root comes into the host's group `qaic`, to which the device nodes belong; the
kubelet's answer can name nodes and variables, but no group (`additionalGids` since 0.7.0).
NVIDIA: the libraries of the host's driver, without which no CUDA program starts, where the operator said in which
folder they lie; and the nodes, so that a device can also be named to a runtime without Kubernetes. The kind is our
own: two files that name one device of the kind nvidia.com/gpu would make a runtime refuse both.
The nodes stay in the kubelet's answer as well, so that a container keeps them where a runtime knows no CDI.
See https://github.com/cncf-tags/container-device-interface.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airgate_plugin.model import Device, Snapshot, Vendor

VERSION = "0.7.0"
KINDS = {Vendor.QUALCOMM: "airgate.io/qaic", Vendor.NVIDIA: "airgate.io/gpu"}
NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.:-]+")
READ_WRITE = "rw"
BIND = ("ro", "nosuid", "nodev", "rbind", "rprivate")


def name_device(device: Device) -> str:
    """Return the CDI name of a device: vendor.com/class=name."""
    return f"{KINDS[device.vendor]}={_find_name(device)}"


def write_specs(snapshot: Snapshot, libraries: Sequence[str] = ()) -> dict[Vendor, str]:
    """Return the specification of each vendor that has a device and needs one, as JSON.

    Ill devices are named too, because their containers may restart. `libraries` are files of NVIDIA's driver.
    """
    groups = {vendor: [each for each in snapshot.devices if each.vendor is vendor] for vendor in Vendor}
    specs: dict[Vendor, str] = {}
    if groups[Vendor.QUALCOMM] and snapshot.qaic_gid is not None:
        edits = {"additionalGids": [snapshot.qaic_gid]}
        specs[Vendor.QUALCOMM] = _write_spec(Vendor.QUALCOMM, {_find_name(e): edits for e in groups[Vendor.QUALCOMM]})
    if gpus := [each for each in groups[Vendor.NVIDIA] if each.nodes]:
        named = {_find_name(each): {"deviceNodes": list(map(_write_node, each.nodes))} for each in gpus}
        specs[Vendor.NVIDIA] = _write_spec(Vendor.NVIDIA, named, libraries)
    return specs


def _find_name(device: Device) -> str:
    return NOT_IN_NAMES.sub("_", device.id)


def _write_node(node: str) -> dict[str, str]:
    return {"path": node, "hostPath": node, "permissions": READ_WRITE}


def _write_spec(vendor: Vendor, edits: Mapping[str, object], mounts: Iterable[str] = ()) -> str:
    devices = [{"name": name, "containerEdits": each} for name, each in edits.items()]
    spec: dict[str, Any] = {"cdiVersion": VERSION, "kind": KINDS[vendor], "devices": devices}
    bound = [{"hostPath": path, "containerPath": path, "options": list(BIND)} for path in mounts]
    if bound:
        spec["containerEdits"] = {"mounts": bound}
    return json.dumps(spec, indent=2) + "\n"

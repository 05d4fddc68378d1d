"""What `airgate-plugin doctor` says: what is seen, and why each device has its state. Pure."""

from collections.abc import Sequence
from typing import Any

from airgate_plugin.model import Device, Observation, Snapshot, Vendor

HEALTH_WORDS = {True: "Healthy", False: "Unhealthy"}


def describe_host(snapshot: Snapshot, looks: Sequence[Observation]) -> dict[str, Any]:
    """Return all of it as plain data, for JSON."""
    return {
        "healthy": all(device.health.healthy for device in snapshot.devices),
        "resources": {name: len(snapshot.find_devices(name)) for name in snapshot.find_resources()},
        "qaic_gid": snapshot.qaic_gid,
        "sources": [{"source": look.source, "sees": len(look.sightings), "trouble": look.trouble} for look in looks],
        "devices": [_describe_device(device, device.id in snapshot.leftover) for device in snapshot.devices],
        "advice": find_advice(snapshot),
    }


def find_advice(snapshot: Snapshot) -> list[str]:
    """Return what an operator may want to mend."""
    qualcomm = [device for device in snapshot.devices if device.vendor is Vendor.QUALCOMM]
    advice = []
    if not snapshot.devices:
        advice.append("No card was found; on a node without cards that is as it should be.")
    if any(device.resource is None for device in qualcomm):
        advice.append(
            "SKU unknown, so no resource by SKU can be chosen: make qaic-util work, "
            "or switch QAIC_SKU_BASED_RESOURCE_ENABLED off."
        )
    if any(device.qid_computed for device in qualcomm):
        advice.append("QIDs were worked out from PCI addresses, because qaic-util told none; set --qids to be sure.")
    if any(device.profile and device.resource is None for device in snapshot.devices):
        advice.append(
            "MIG devices that share a GPU instance (1c.2g.10gb) are not offered, as by NVIDIA's own plugin; "
            "make one compute instance for each GPU instance: `nvidia-smi mig -cgi PROFILE -C`."
        )
    if snapshot.leftover:
        advice.append(
            f"A workload sits on {', '.join(sorted(snapshot.leftover))} though no pod holds it: look for a process "
            "that outlived its pod (`fuser -v /dev/accel/accelN`); such a card is granted last until it is idle."
        )
    if qualcomm and snapshot.qaic_gid is None:
        advice.append("The host has no group `qaic` in /etc/group, so containers get no QAIC_GID.")
    return advice


def write_report(described: dict[str, Any]) -> str:
    """Return the same for a human, some lines a device."""
    lines = [_write_source(source) for source in described["sources"]]
    for device in described["devices"]:
        lines += ["", *_write_device(device)]
    lines += [""] + [_write_resource(name, described) for name in described["resources"]]
    lines += [f"note: {sentence}" for sentence in described["advice"]]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _describe_device(device: Device, is_leftover: bool) -> dict[str, Any]:
    return {
        "id": device.id,
        "vendor": str(device.vendor),
        "resource": device.resource,
        "healthy": device.health.healthy,
        "reason": str(device.health.reason),
        "why": device.health.detail,
        "pci_address": device.address,
        "qid": device.qid,
        "qid_from": _find_qid_origin(device),
        "accel_minor": device.accel,
        "mhi_id": device.mhi,
        "nodes": list(device.nodes),
        "numa": device.numa,
        "card": device.card,
        "mig_profile": device.profile or None,
        "part_of": device.parent,
        "split": device.is_split,
        "workload_without_pod": is_leftover,
        "sku": device.sku,
        "board_serial": device.serial,
        "facts": dict(device.facts),
    }


def _find_qid_origin(device: Device) -> str | None:
    if device.qid is None:
        return None
    return "computed" if device.qid_computed else "told"


def _write_source(source: dict[str, Any]) -> str:
    return f"{source['source']:<10} sees {source['sees']:>2}   {source['trouble'] or ''}"


def _write_resource(name: str, described: dict[str, Any]) -> str:
    ill = sum(not device["healthy"] for device in described["devices"] if device["resource"] == name)
    return f"{described['resources'][name]} x {name}" + (f", {ill} unhealthy" if ill else "")


def _write_device(device: dict[str, Any]) -> list[str]:
    numbers = [f"QID {device['qid']} ({device['qid_from']})" if device["qid"] is not None else "no QID"]
    numbers += [f"accel {device['accel_minor']}"] if device["accel_minor"] is not None else []
    numbers += [f"mhi {device['mhi_id']}"] if device["mhi_id"] is not None else []
    numa = "NUMA unknown" if device["numa"] is None else f"NUMA {device['numa']}"
    sku = device["sku"] or "SKU unknown"
    facts = ", ".join(f"{name} {value}" for name, value in device["facts"].items())
    numbers = [] if device["vendor"] == Vendor.NVIDIA else numbers
    offered = device["resource"] or ("nothing" if device["split"] or device["mig_profile"] else "nothing yet")
    part = f"; MIG {device['mig_profile']} of {device['part_of']}" if device["mig_profile"] else ""
    leftover = ["    a workload sits on it, and no pod holds it"] if device["workload_without_pod"] else []
    return [
        f"{device['id']}  {HEALTH_WORDS[device['healthy']]}: {device['why']} [{device['reason']}]",
        f"    offered as {offered}; card {device['card']}, {sku}{part}",
        "    " + ", ".join([*numbers, numa, *device["nodes"]]),
        *leftover,
        f"    {facts}",
    ]

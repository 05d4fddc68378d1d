"""Whether a device is well: a pure judgement with a grace, and always with a way back.

Hard troubles count at once. Soft ones may be a subsystem restart, for which Qualcomm's own runtime waits 15 s: a
device that was well stays well that long. A device that was never well has no grace. Good signs heal at once.
"""

from airgate_plugin.model import Health, NodeState, Reason, Sighting, Vendor

GRACE_SECONDS = 15.0
SOFT = frozenset({Reason.INITIALIZING, Reason.UNKNOWN_STATUS, Reason.UNLISTED, Reason.UNSEEN})

STATUS_WORDS = {
    "ready": (Reason.OK, "qaic-util says Ready"),
    "initializing": (Reason.INITIALIZING, "qaic-util says Initializing: the firmware is starting"),
    "error": (
        Reason.FIRMWARE_ERROR,
        "qaic-util says Error: firmware failed or still boots, secure boot, or an unsupported kernel; see dmesg",
    ),
}
NVML_WORDS = {
    "ok": (Reason.OK, "NVML answers for it"),
    "lost": (Reason.GPU_LOST, "NVML says that the GPU is lost: it needs a reset or a reboot"),
    "mig": (Reason.MIG_ENABLED, "the GPU is split by MIG; `nvidia-smi -mig 0` makes it whole again"),
}


def judge_health(
    sighting: Sighting | None, before: Health | None, now: float, blind: str = "", listed: bool = True
) -> Health:
    """Return the verdict on one device.

    `sighting` is all that the sources say of it together (None: no source sees it now), `before` the last verdict,
    `now` in seconds of the monotonic clock. `blind` is why its source could not look, "" where it could; `listed` is
    False when qaic-util answered without it.
    """
    reason, detail = explain_signs(sighting, blind, listed)
    if reason is Reason.OK:
        since = before.since if before and before.healthy else now
        return Health(True, reason, detail, since)
    trouble_since = now if before is None or before.trouble_since is None else before.trouble_since
    healthy = _is_within_grace(reason, before, now - trouble_since)
    since = before.since if before and before.healthy == healthy else now
    return Health(healthy, reason, detail, since, trouble_since)


def explain_signs(sighting: Sighting | None, blind: str, listed: bool) -> tuple[Reason, str]:
    """Return what the signs of this moment say, and a sentence for a human."""
    if sighting is None and blind:
        return Reason.UNSEEN, f"nobody can tell: {blind}"
    if sighting is None:
        return Reason.GONE, "it left the PCI bus; reseat the card or reboot the node"
    if sighting.vendor is Vendor.NVIDIA:
        return NVML_WORDS.get(sighting.status or "ok", NVML_WORDS["lost"])
    if sighting.node_state is NodeState.MISSING:
        return Reason.OFFLINE, "it is on the PCI bus without a device node: its driver or firmware did not start"
    if sighting.node_state is NodeState.OFFLINE:
        return Reason.OFFLINE, "its device node answers that no device is online"
    if not listed:
        return Reason.UNLISTED, "sysfs shows it, but qaic-util does not list it"
    if sighting.status is None:
        return Reason.OK, "sysfs shows it; qaic-util did not answer for it"
    unknown = Reason.UNKNOWN_STATUS, f"qaic-util says {sighting.status!r}, a word that this version does not know"
    return STATUS_WORDS.get(sighting.status.lower(), unknown)


def _is_within_grace(reason: Reason, before: Health | None, trouble_seconds: float) -> bool:
    was_well = before is not None and before.healthy
    return was_well and reason in SOFT and trouble_seconds < GRACE_SECONDS

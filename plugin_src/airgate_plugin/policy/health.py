"""Whether a device is well: a pure judgement with a grace, and always with a way back.

Hard troubles count at once. Soft ones may be a subsystem restart, for which Qualcomm's own runtime waits 15 s: a
device that was well stays well that long. A device that was never well has no grace. Good signs heal at once.
"""

from dataclasses import dataclass

from airgate_plugin.model import Health, NodeState, Reason, Sighting, Vendor

GRACE_SECONDS = 15.0
SOFT = frozenset({Reason.INITIALIZING, Reason.UNKNOWN_STATUS, Reason.UNLISTED, Reason.UNSEEN})

NODE_WORDS = {
    NodeState.MISSING: (
        Reason.OFFLINE,
        "it is on the PCI bus without a device node: its driver or firmware did not start",
    ),
    NodeState.OFFLINE: (Reason.OFFLINE, "its device node answers that no device is online"),
}
STATUS_WORDS = {
    "": (Reason.OK, "sysfs shows it; qaic-util did not answer for it"),
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


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of one device at one moment.

    `sighting` is all that the sources say of it together, None where no source sees it; `blind` is why its source
    could not look, "" where it could; `listed` is False when qaic-util answered without it; `numbered` is False when
    no QID is known for it.
    """

    sighting: Sighting | None
    blind: str = ""
    listed: bool = True
    numbered: bool = True


def judge_health(signs: Signs, before: Health | None, now: float) -> Health:
    """Return the verdict on one device; `before` is the last one, `now` in seconds of the monotonic clock."""
    reason, detail = explain_signs(signs)
    if reason is Reason.OK:
        since = before.since if before and before.healthy else now
        return Health(True, reason, detail, since)
    trouble_since = now if before is None or before.trouble_since is None else before.trouble_since
    healthy = _is_within_grace(reason, before, now - trouble_since)
    since = before.since if before and before.healthy == healthy else now
    return Health(healthy, reason, detail, since, trouble_since)


def explain_signs(signs: Signs) -> tuple[Reason, str]:
    """Return what the signs of this moment say, and a sentence for a human."""
    sighting = signs.sighting
    if sighting is None and signs.blind:
        return Reason.UNSEEN, f"nobody can tell: {signs.blind}"
    if sighting is None:
        return Reason.GONE, "it left the PCI bus; reseat the card or reboot the node"
    if sighting.vendor is Vendor.NVIDIA:
        return NVML_WORDS.get(sighting.status or "ok", NVML_WORDS["lost"])
    if sighting.node_state in NODE_WORDS:
        return NODE_WORDS[sighting.node_state]
    return _explain_firmware(sighting.status, signs)


def _explain_firmware(status: str | None, signs: Signs) -> tuple[Reason, str]:
    """Return what qaic-util's answer, or its silence, says of a SoC that the kernel shows and that has a node."""
    if not signs.listed:
        return Reason.UNLISTED, "sysfs shows it, but qaic-util does not list it"
    unknown = Reason.UNKNOWN_STATUS, f"qaic-util says {status!r}, a word that this version does not know"
    answer = STATUS_WORDS.get((status or "").lower(), unknown)
    if answer[0] is Reason.OK and not signs.numbered:
        return Reason.NO_QID, "its QID is not known: make qaic-util list it, or set `qids`"
    return answer


def _is_within_grace(reason: Reason, before: Health | None, trouble_seconds: float) -> bool:
    was_well = before is not None and before.healthy
    return was_well and reason in SOFT and trouble_seconds < GRACE_SECONDS

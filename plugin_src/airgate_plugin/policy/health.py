"""Whether a device is well: a pure judgement with a grace, and always with a way back.

Hard troubles count at once. Soft ones may be a subsystem restart, for which Qualcomm's own runtime waits 15 s: a
device that was well stays well that long. A device that was never well has no grace. Good signs heal, once they have
lasted: 2 s, and a minute where the device fell ill three times in ten minutes. An error that a counter tells of, and
nothing else shows, counts for a minute after the last one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from airgate_plugin.model import Health, NodeState, Reason, Sighting, Vendor

GRACE_SECONDS = 15.0
SOFT = frozenset({Reason.INITIALIZING, Reason.UNKNOWN_STATUS, Reason.UNLISTED, Reason.UNSEEN, Reason.LINK_DEGRADED})
LOST = frozenset(  # what ran on a device with one of these verdicts cannot go on
    {
        Reason.GONE,
        Reason.OFFLINE,
        Reason.FIRMWARE_ERROR,
        Reason.INITIALIZING,
        Reason.UNCORRECTED_ERRORS,
        Reason.XID,
        Reason.GPU_LOST,
        Reason.MIG_ENABLED,
        Reason.MIG_REMOVED,
    }
)
SETTLE_SECONDS = 2.0  # signs that are good for less are not believed
FLAP_WINDOW_SECONDS = 600.0
FLAP_LIMIT = 3  # falls within the window
FLAP_HOLD_SECONDS = 60.0
QUIET_SECONDS = 60.0  # without a new error

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
    "split": (Reason.OK, "it is split by MIG, and its MIG devices are offered in its place"),
    "mig": (
        Reason.MIG_ENABLED,
        "MIG is on and no instance was made, so nothing of it can be granted: make some with "
        "`nvidia-smi mig -cgi PROFILE -C`, or make it whole again with `nvidia-smi -mig 0`",
    ),
    "no-capability": (
        Reason.NO_CAPABILITY,
        "the nodes below /dev/nvidia-caps that open this MIG device are not known or not there: /proc/driver must be "
        "readable below the host's root, and `nvidia-modprobe` makes the nodes",
    ),
}
FAULT_WORDS = {
    Reason.UNCORRECTED_ERRORS: "its counter of uncorrected errors grew less than a minute ago; see dmesg",
    Reason.XID: "NVIDIA's driver reported an error of the GPU less than a minute ago; see dmesg for the Xid",
}


@dataclass(frozen=True, slots=True)
class Signs:
    """What is known of one device at one moment.

    `sighting` is all that the sources say of it together, None where no source sees it; `blind` is why its source
    could not look, "" where it could; `listed` is False when qaic-util answered without it; `numbered` is False when
    no QID is known for it; `new_faults` are the counters that grew since the last look; `removed` is True for a MIG
    device that is no more while its GPU is there.
    """

    sighting: Sighting | None
    blind: str = ""
    listed: bool = True
    numbered: bool = True
    new_faults: tuple[Reason, ...] = ()
    removed: bool = False


def judge_health(signs: Signs, before: Health | None, now: float) -> Health:
    """Return the verdict on one device; `before` is the last one, `now` in seconds of the monotonic clock."""
    fault = _find_fault(signs, before, now)
    reason, detail = explain_signs(signs)
    if reason is Reason.OK and fault and now - fault[1] < QUIET_SECONDS:
        reason, detail = fault[0], FAULT_WORDS[fault[0]]
    judge = _judge_good_signs if reason is Reason.OK else _judge_trouble
    return replace(judge(reason, detail, before, now), fault=fault)


def is_lost(health: Health) -> bool:
    """Return whether a container that holds the device cannot go on; one on an excluded or slow device can."""
    return not health.healthy and health.reason in LOST


def is_pending(health: Health) -> bool:
    """Return whether this verdict may change by the passing of time alone."""
    return not health.healthy or health.reason is not Reason.OK


def _judge_trouble(reason: Reason, detail: str, before: Health | None, now: float) -> Health:
    was_well = before is not None and before.healthy
    trouble_since = now if before is None or before.trouble_since is None else before.trouble_since
    healthy = was_well and reason in SOFT and now - trouble_since < GRACE_SECONDS
    since = before.since if before and before.healthy == healthy else now
    falls = before.falls if before else ()
    if was_well and not healthy:
        falls = (*(fall for fall in falls if now - fall < FLAP_WINDOW_SECONDS), now)
    return Health(healthy, reason, detail, since, trouble_since, falls=falls)


def _judge_good_signs(reason: Reason, detail: str, before: Health | None, now: float) -> Health:
    """Return the verdict where nothing speaks against it: an ill device must stay so for a while."""
    if before is None or before.healthy:
        return Health(True, reason, detail, before.since if before else now, falls=before.falls if before else ())
    well_since = now if before.well_since is None else before.well_since
    waiting, wait = choose_wait(before.falls, now)
    if now - well_since >= wait:
        return Health(True, reason, detail, now, falls=before.falls)
    sentence = f"{detail}, and must stay well for {wait:g} s"
    return Health(False, waiting, sentence, before.since, None, well_since, before.falls)


def choose_wait(falls: Sequence[float], now: float) -> tuple[Reason, float]:
    """Return how long the signs of an ill device must stay good, and what the wait is called.

    A device that never was well waits for nothing; one that fell too often lately waits longer than one that fell once.
    """
    lately = [fall for fall in falls if now - fall < FLAP_WINDOW_SECONDS]
    if len(lately) >= FLAP_LIMIT:
        return Reason.FLAPPING, FLAP_HOLD_SECONDS
    return Reason.SETTLING, SETTLE_SECONDS if falls else 0.0


def _find_fault(signs: Signs, before: Health | None, now: float) -> tuple[Reason, float] | None:
    """Return the error that was counted last, and when; counters of another boot are no errors of ours."""
    if signs.new_faults:
        return signs.new_faults[0], now
    return before.fault if before else None


def explain_signs(signs: Signs) -> tuple[Reason, str]:
    """Return what the signs of this moment say, and a sentence for a human."""
    sighting = signs.sighting
    if sighting is None and signs.blind:
        return Reason.UNSEEN, f"nobody can tell: {signs.blind}"
    if sighting is None and signs.removed:
        return Reason.MIG_REMOVED, "its MIG instance was destroyed; it is forgotten ten minutes later"
    if sighting is None:
        return Reason.GONE, "it left the PCI bus; reseat the card or reboot the node"
    if sighting.vendor is Vendor.NVIDIA:
        return NVML_WORDS.get(sighting.status or "ok", NVML_WORDS["lost"])
    if sighting.node_state in NODE_WORDS:
        return NODE_WORDS[sighting.node_state]
    return _explain_firmware(sighting.status, sighting.degraded, signs)


def _explain_firmware(status: str | None, degraded: str, signs: Signs) -> tuple[Reason, str]:
    """Return what qaic-util's answer, or its silence, says of a SoC that the kernel shows and that has a node."""
    if not signs.listed:
        return Reason.UNLISTED, "sysfs shows it, but qaic-util does not list it"
    unknown = Reason.UNKNOWN_STATUS, f"qaic-util says {status!r}, a word that this version does not know"
    answer = STATUS_WORDS.get((status or "").lower(), unknown)
    if answer[0] is Reason.OK and not signs.numbered:
        return Reason.NO_QID, "its QID is not known: make qaic-util list it, or set `qids`"
    if answer[0] is Reason.OK and degraded:
        return Reason.LINK_DEGRADED, degraded
    return answer

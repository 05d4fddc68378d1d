"""The words of the device plugin: what was seen, what is known, what is granted. Frozen, without I/O."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NewType

# A card's SoC has four numbers that do not agree. Each is its own type, so that none is used for another.
PciAddress = NewType("PciAddress", str)  # 0000:01:00.0: the key in which all sources meet
Qid = NewType("Qid", int)  # Qualcomm's runtime counts in these; host-global, also inside a container
AccelMinor = NewType("AccelMinor", int)  # N of /dev/accel/accelN
MhiId = NewType("MhiId", int)  # N of /sys/bus/mhi/devices/mhiN

DeviceId = NewType("DeviceId", str)  # what the kubelet calls it: PCI address (Qualcomm) or UUID (NVIDIA), 63 at most


RESETTING_SENTENCE = "its card is being reset between two pods; it is offered again in some seconds"


class Vendor(enum.StrEnum):
    """Whose device it is."""

    QUALCOMM = "qualcomm"
    NVIDIA = "nvidia"


class Reason(enum.StrEnum):
    """Why a device has its health. The words appear in metrics, logs and `doctor`: they are stable."""

    OK = "ok"
    GONE = "gone"  # was there, and left the bus
    UNSEEN = "unseen"  # the source that sees it could not look
    OFFLINE = "offline"  # on the bus, but its device node is missing or answers "no device"
    FIRMWARE_ERROR = "firmware-error"  # qaic-util says Error
    INITIALIZING = "initializing"  # qaic-util says Initializing
    UNKNOWN_STATUS = "unknown-status"  # qaic-util says a word that we do not know
    UNLISTED = "unlisted"  # in sysfs, but qaic-util does not list it
    NO_QID = "no-qid"  # its QID is not known, so no container could use it
    LINK_DEGRADED = "link-degraded"  # its PCIe link is slower or narrower than card and slot allow
    UNCORRECTED_ERRORS = "uncorrected-errors"  # its RAS or ECC counter of uncorrected errors grew a moment ago
    XID = "xid"  # NVIDIA's driver reported an error of the GPU itself a moment ago
    SETTLING = "settling"  # the signs are good again, and must stay so for a moment
    FLAPPING = "flapping"  # fell ill too often lately; the signs must stay good for a minute
    EXCLUDED = "excluded"  # the operator took it out of service
    RESETTING = "resetting"  # its card is being reset between two pods, as the operator asked for
    GPU_LOST = "gpu-lost"  # NVML says that it fell off the bus or needs a reset
    MIG_ENABLED = "mig-enabled"  # MIG is on, and nobody made an instance: nothing of the GPU can be granted
    MIG_REMOVED = "mig-removed"  # its MIG instance was destroyed while its GPU is there
    NO_CAPABILITY = "no-capability"  # the nodes that open a MIG device are not known, or not there


class Packing(enum.StrEnum):
    """How devices are chosen for a container that wants several."""

    PACKED = "packed"  # cards kept whole, broken cards first, then NUMA
    SPREAD = "spread"  # from as many cards as can be, for heat and power
    WHOLE = "whole"  # as packed, and a part of a card is refused


class NodeState(enum.StrEnum):
    """What opening a device node answered."""

    OPENS = "opens"
    OFFLINE = "offline"  # the driver has the node, but no SoC behind it is online
    MISSING = "missing"
    UNKNOWN = "unknown"  # not allowed to try, or never tried


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one source saw of one SoC or GPU. None (or empty) means that this source cannot tell.

    `nodes` are device nodes as the host names them (/dev/accel/accel0); `status` is the source's own word;
    `facts` are extra lines for a human (temperature, link), never used for a decision. `degraded` is a sentence about
    a poor link, "" where it is as it should be; `faults` counts errors that never heal by themselves, by reason.
    `profile` names the size of a MIG device (1g.5gb), "" for a whole SoC or GPU; `parent` is the GPU that it is of.
    """

    vendor: Vendor
    address: PciAddress
    id: DeviceId | None = None
    profile: str = ""
    parent: DeviceId | None = None
    qid: Qid | None = None
    accel: AccelMinor | None = None
    mhi: MhiId | None = None
    nodes: tuple[str, ...] = ()
    node_state: NodeState = NodeState.UNKNOWN
    numa: int | None = None
    status: str | None = None
    sku: str | None = None
    serial: str | None = None
    degraded: str = ""
    faults: Mapping[Reason, int] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observation:
    """One look of one source: what it saw, and why it may have seen less than there is."""

    source: str
    sightings: tuple[Sighting, ...] = ()
    trouble: str | None = None
    qaic_gid: int | None = None  # the host's group id of `qaic`, where this source can tell
    excluded: frozenset[str] = frozenset()  # what the operator took out of service, in the operator's words


@dataclass(frozen=True, slots=True)
class Health:
    """A verdict: `healthy` is what the kubelet hears; `reason` may already name a trouble that is within its grace.

    `since` is when `healthy` last changed, `trouble_since` when the present trouble began (None: no trouble),
    `well_since` when an ill device's signs turned good, `falls` when it last fell ill, `fault` the last error that was
    counted and when; all in seconds of the monotonic clock.
    """

    healthy: bool
    reason: Reason
    detail: str
    since: float
    trouble_since: float | None = None
    well_since: float | None = None
    falls: tuple[float, ...] = ()
    fault: tuple[Reason, float] | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """One SoC, one GPU, or one MIG device: the unit that is granted. `card` is shared by the SoCs of one board.

    `health` is what the kubelet hears; `judged` is what the signs alone say, where the operator took the device out
    of service (else None: the same). `profile` and `parent` are a MIG device's, as in a Sighting; `is_split` is true
    of a GPU whose MIG is on: it is not offered whole.
    """

    id: DeviceId
    vendor: Vendor
    address: PciAddress
    card: str
    card_size: int
    health: Health
    resource: str | None
    profile: str = ""
    parent: DeviceId | None = None
    is_split: bool = False
    qid: Qid | None = None
    qid_computed: bool = False  # nobody told it: worked out from the order of PCI addresses
    accel: AccelMinor | None = None
    mhi: MhiId | None = None
    nodes: tuple[str, ...] = ()
    numa: int | None = None
    sku: str | None = None
    serial: str | None = None
    faults: Mapping[Reason, int] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    judged: Health | None = None

    def find_judged(self) -> Health:
        """Return what the signs say, whatever the operator decided."""
        return self.judged or self.health


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is known at one moment. `number` grows by one with every change that a subscriber must see."""

    number: int
    devices: tuple[Device, ...] = ()
    troubles: Mapping[str, str] = field(default_factory=dict)  # source -> why it saw less
    qaic_gid: int | None = None
    looked: bool = False  # every source has looked at least once
    leftover: frozenset[str] = frozenset()  # ids of devices with a workload whose pod is gone
    barred: frozenset[str] = frozenset()  # ids of devices that nobody is granted because of a reset

    def find_resources(self) -> tuple[str, ...]:
        """Return the names of the resources that have a device, sorted."""
        return tuple(sorted({d.resource for d in self.devices if d.resource}))

    def find_devices(self, resource: str) -> tuple[Device, ...]:
        """Return the devices that are offered as `resource`."""
        return tuple(d for d in self.find_told() if d.resource == resource)

    def find_told(self) -> tuple[Device, ...]:
        """Return the devices as the outside hears of them: those that are barred are ill, whatever their signs say."""
        return tuple(_bar(d) if d.id in self.barred else d for d in self.devices) if self.barred else self.devices


def _bar(device: Device) -> Device:
    health = replace(device.health, healthy=False, reason=Reason.RESETTING, detail=RESETTING_SENTENCE)
    return replace(device, health=health, judged=device.find_judged())


@dataclass(frozen=True, slots=True)
class Registration:
    """How one resource stands with the kubelet; counters since the start of the process.

    `last_message_at` is when the kubelet was last sent a list (seconds of the monotonic clock); `complaint` is why
    it is not registered, "" where it is.
    """

    resource: str
    streams: int = 0
    registrations: int = 0
    granted: int = 0
    refused: int = 0
    last_message_at: float | None = None
    complaint: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Holder:
    """Who holds a device."""

    namespace: str
    pod: str
    container: str


@dataclass(frozen=True, slots=True)
class Holdings:
    """Who holds what, by device id, and what became of that which vanished pods held, since the start.

    `unchecked` are devices that were let go and not yet looked at; `idle`, `busy` and `unknown` count those that were.
    `leftover` are those that were found busy and have not been idle, nor another pod's, since.
    """

    held: Mapping[str, Holder] = field(default_factory=dict)
    unchecked: frozenset[str] = frozenset()
    leftover: frozenset[str] = frozenset()
    idle: int = 0
    busy: int = 0
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class Grant:
    """What one container gets: environment, device nodes as the host names them (all read and write), CDI names."""

    envs: Mapping[str, str]
    nodes: tuple[str, ...]
    cdi: tuple[str, ...] = ()

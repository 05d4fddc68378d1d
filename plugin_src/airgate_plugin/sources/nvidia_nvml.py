"""NVIDIA GPUs as the driver's own library (NVML, through nvidia-ml-py) shows them.

A look starts NVML where it is not running, and starts it anew after it failed, so that a driver that is loaded late
is found late rather than never. NVML's events (Xid errors) are waited for by `NvmlBell`; they are counted here by GPU.
"""

import contextlib
import threading
from collections import Counter
from types import ModuleType

from airgate_plugin.model import DeviceId, Observation, PciAddress, Reason, Sighting, Vendor
from airgate_plugin.sources.hostfs import HostFiles

CONTROL_NODES = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools")  # every CUDA process needs them
# Xid errors of an application, not of the GPU (NVIDIA's Xid catalogue): they say nothing about the next container.
APPLICATION_XIDS = frozenset({13, 31, 43, 45, 68, 109})
EVENT_WAIT_MS = 1000  # how long NVML may keep the bell's thread at its end
RETRY_SECONDS = 5.0  # without a GPU that can tell


class NvidiaNvml:
    """Looks through NVML; device nodes and NUMA come from the host's files."""

    name = "nvml"

    def __init__(self, host: HostFiles) -> None:
        """Look at the GPUs of `host`, which must be the machine this process runs on."""
        self._host = host
        self._lock = threading.Lock()
        self._nvml: ModuleType | None = None
        self._xids: Counter[str] = Counter()  # by UUID

    def count_xid(self, uuid: str, xid: int) -> bool:
        """Count an error of a GPU; return whether it is one of the GPU and not of an application."""
        if xid in APPLICATION_XIDS:
            return False
        self._xids[uuid] += 1
        return True

    def look(self) -> Observation:
        """Return every GPU; a node without NVIDIA's library has none, and says so in `trouble`."""
        import pynvml

        with self._lock:
            try:
                nvml = self._start(pynvml)
                count = nvml.nvmlDeviceGetCount()
                seen = [self._look_at(nvml, index) for index in range(count)]
                return Observation(self.name, tuple(sighting for sighting in seen if sighting))
            except pynvml.NVMLError as why:
                self._nvml = None
                return Observation(self.name, (), f"NVML does not answer: {why}")

    def _start(self, nvml: ModuleType) -> ModuleType:
        if self._nvml is None:
            nvml.nvmlInit()
            self._nvml = nvml
        return self._nvml

    def _look_at(self, nvml: ModuleType, index: int) -> Sighting | None:
        """Return one GPU; None for one that fell off the bus, which NVML still counts but cannot name."""
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            pci = nvml.nvmlDeviceGetPciInfo(handle)
            address = PciAddress(f"{pci.domain:04x}:{pci.bus:02x}:{pci.device:02x}.0")
            uuid = DeviceId(nvml.nvmlDeviceGetUUID(handle))
            return Sighting(
                vendor=Vendor.NVIDIA,
                address=address,
                id=uuid,
                nodes=self._find_nodes(nvml.nvmlDeviceGetMinorNumber(handle)),
                numa=self._find_numa(address),
                status=_read_status(nvml, handle),
                sku=nvml.nvmlDeviceGetName(handle),
                faults={Reason.XID: self._xids[uuid], **_read_ecc(nvml, handle)},
                facts=_read_facts(nvml, handle),
            )
        except (nvml.NVMLError_GpuIsLost, nvml.NVMLError_NotFound, nvml.NVMLError_Unknown):
            return None

    def _find_numa(self, address: PciAddress) -> int | None:
        numa = self._host.read_number(f"/sys/bus/pci/devices/{address}/numa_node")
        return numa if numa is not None and numa >= 0 else None

    def _find_nodes(self, minor: int) -> tuple[str, ...]:
        control = (node for node in CONTROL_NODES if self._host.find_path(node).exists())
        return (f"/dev/nvidia{minor}", *control)


class NvmlBell:
    """Rings when NVML tells of an error of a GPU; a machine whose GPUs cannot tell is asked again later."""

    def __init__(self, source: NvidiaNvml) -> None:
        """Count what is told at `source`."""
        self._source = source
        self._over = threading.Event()

    def wait(self) -> bool:
        """Block until an error that is one of a GPU; False once `end` was called."""
        import pynvml

        while not self._over.is_set():
            try:
                if self._listen(pynvml):
                    return True
            except pynvml.NVMLError:
                self._over.wait(RETRY_SECONDS)
        return False

    def end(self) -> None:
        """Let `wait` return."""
        self._over.set()

    def close(self) -> None:
        """Hold nothing."""

    def _listen(self, nvml: ModuleType) -> bool:
        """Wait on all GPUs at once until one tells something that counts. Raises NVMLError where none can tell."""
        events = nvml.nvmlEventSetCreate()
        try:
            for index in range(nvml.nvmlDeviceGetCount()):
                _register(nvml, index, events)
            return self._follow(nvml, events)
        finally:
            nvml.nvmlEventSetFree(events)

    def _follow(self, nvml: ModuleType, events: object) -> bool:
        while not self._over.is_set():
            try:
                event = nvml.nvmlEventSetWait_v2(events, EVENT_WAIT_MS)
            except nvml.NVMLError_Timeout:
                continue
            if self._source.count_xid(nvml.nvmlDeviceGetUUID(event.device), int(event.eventData)):
                return True
        return False


def _register(nvml: ModuleType, index: int, events: object) -> None:
    """Ask for one GPU's errors; one that is lost or too old for events is passed over."""
    with contextlib.suppress(nvml.NVMLError):
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        nvml.nvmlDeviceRegisterEvents(handle, nvml.nvmlEventTypeXidCriticalError, events)


def _read_ecc(nvml: ModuleType, handle: object) -> dict[Reason, int]:
    """Return the uncorrected memory errors since the driver was loaded; {} for a GPU without ECC."""
    try:
        kinds = nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, nvml.NVML_VOLATILE_ECC
        return {Reason.UNCORRECTED_ERRORS: int(nvml.nvmlDeviceGetTotalEccErrors(handle, *kinds))}
    except nvml.NVMLError:
        return {}


def _read_facts(nvml: ModuleType, handle: object) -> dict[str, str]:
    """Return temperature, power and memory, as far as this GPU tells."""
    facts: dict[str, str] = {}
    with contextlib.suppress(nvml.NVMLError):
        facts["temperature_celsius"] = str(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))
    with contextlib.suppress(nvml.NVMLError):
        facts["board_power_watts"] = f"{nvml.nvmlDeviceGetPowerUsage(handle) / 1000:.2f}"
    with contextlib.suppress(nvml.NVMLError):
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        facts |= {"dram_total": f"{memory.total} B", "dram_free": f"{memory.free} B"}
    return facts


def _read_status(nvml: ModuleType, handle: object) -> str:
    """Return ok, lost or mig: asking for the memory fails where the GPU fell off the bus or needs a reset."""
    try:
        nvml.nvmlDeviceGetMemoryInfo(handle)
    except (nvml.NVMLError_GpuIsLost, nvml.NVMLError_ResetRequired, nvml.NVMLError_Unknown):
        return "lost"
    try:
        current, _ = nvml.nvmlDeviceGetMigMode(handle)
    except nvml.NVMLError:  # most GPUs know no MIG
        return "ok"
    return "mig" if current else "ok"

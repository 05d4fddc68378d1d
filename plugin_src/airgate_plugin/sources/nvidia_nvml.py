"""NVIDIA GPUs as the driver's own library (NVML, through nvidia-ml-py) shows them.

A look starts NVML where it is not running, and starts it anew after it failed, so that a driver that is loaded late
is found late rather than never. NVML's events (Xid errors) are waited for in nvidia_events.py; they are counted here,
by GPU or by the MIG instance that they are of.
"""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType

from airgate_plugin.model import DeviceId, Observation, PciAddress, Reason, Sighting, Vendor
from airgate_plugin.sources.hostfs import HostFiles
from airgate_plugin.sources.nvidia_mig import Capabilities, find_instance, find_parts, look_at_part

CONTROL_NODES = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools")  # every CUDA process needs them
# Xid errors of an application, not of the GPU (NVIDIA's Xid catalogue): they say nothing about the next container.
APPLICATION_XIDS = frozenset({13, 31, 43, 45, 68, 109})
NO_INSTANCE = 0xFFFFFFFF  # an event that is of no MIG instance


class NvidiaNvml:
    """Looks through NVML; device nodes and NUMA come from the host's files."""

    name = "nvml"

    def __init__(self, host: HostFiles) -> None:
        """Look at the GPUs of `host`, which must be the machine this process runs on."""
        self._host = host
        self._lock = threading.Lock()
        self._nvml: ModuleType | None = None
        self._capabilities = Capabilities(host)
        self._xids: Counter[tuple[str, int]] = Counter()  # by the GPU's UUID and its MIG instance

    def count_xid(self, uuid: str, xid: int, instance: int = NO_INSTANCE) -> bool:
        """Count an error of a GPU, or of one MIG instance; return False for one of an application."""
        if xid in APPLICATION_XIDS:
            return False
        self._xids[uuid, instance] += 1
        return True

    def look(self) -> Observation:
        """Return every GPU; a node without NVIDIA's library has none, and says so in `trouble`."""
        import pynvml

        with self._lock:
            try:
                nvml = self._start(pynvml)
                count = nvml.nvmlDeviceGetCount()
                seen = [sighting for index in range(count) for sighting in self._look_at(nvml, index)]
                return Observation(self.name, tuple(seen))
            except pynvml.NVMLError as why:
                self._nvml, self._capabilities = None, Capabilities(self._host)
                return Observation(self.name, (), f"NVML does not answer: {why}")

    def _start(self, nvml: ModuleType) -> ModuleType:
        if self._nvml is None:
            nvml.nvmlInit()
            self._nvml = nvml
        return self._nvml

    def _look_at(self, nvml: ModuleType, index: int) -> list[Sighting]:
        """Return one GPU and its MIG devices; [] for one that fell off the bus, which NVML counts but cannot name."""
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            minor = nvml.nvmlDeviceGetMinorNumber(handle)
            whole = self._look_at_whole(nvml, handle, minor)
            if whole.status != "mig":
                return [whole]
            parts = list(self._look_at_parts(nvml, handle, whole, minor))
            return [replace(whole, status="split" if parts else "mig"), *parts]
        except (nvml.NVMLError_GpuIsLost, nvml.NVMLError_NotFound, nvml.NVMLError_Unknown):
            return []

    def _look_at_whole(self, nvml: ModuleType, handle: object, minor: int) -> Sighting:
        pci = nvml.nvmlDeviceGetPciInfo(handle)
        address = PciAddress(f"{pci.domain:04x}:{pci.bus:02x}:{pci.device:02x}.0")
        uuid = DeviceId(nvml.nvmlDeviceGetUUID(handle))
        return Sighting(
            vendor=Vendor.NVIDIA,
            address=address,
            id=uuid,
            nodes=self._find_nodes(minor),
            numa=self._find_numa(address),
            status=_read_status(nvml, handle),
            sku=nvml.nvmlDeviceGetName(handle),
            faults={Reason.XID: self._xids[uuid, NO_INSTANCE], **_read_ecc(nvml, handle)},
            facts=_read_facts(nvml, handle),
        )

    def _look_at_parts(self, nvml: ModuleType, handle: object, whole: Sighting, minor: int) -> Iterator[Sighting]:
        """Yield the MIG devices of a GPU; one that is destroyed while it is looked at is none of them."""
        for part in find_parts(nvml, handle):
            with contextlib.suppress(nvml.NVMLError_NotFound, nvml.NVMLError_InvalidArgument):
                instance, compute = find_instance(nvml, part)
                nodes = self._capabilities.find_nodes(minor, instance, compute)
                yield look_at_part(nvml, part, whole, nodes, self._count_xids(whole.id or "", instance))

    def _count_xids(self, uuid: str, instance: int) -> int:
        """Return the errors of one MIG instance; one of the whole GPU is one of it too."""
        return self._xids[uuid, NO_INSTANCE] + self._xids[uuid, instance]

    def _find_numa(self, address: PciAddress) -> int | None:
        numa = self._host.read_number(f"/sys/bus/pci/devices/{address}/numa_node")
        return numa if numa is not None and numa >= 0 else None

    def _find_nodes(self, minor: int) -> tuple[str, ...]:
        control = (node for node in CONTROL_NODES if self._host.find_path(node).exists())
        return (f"/dev/nvidia{minor}", *control)


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

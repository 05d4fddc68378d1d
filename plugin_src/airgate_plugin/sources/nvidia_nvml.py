"""NVIDIA GPUs as the driver's own library (NVML, through nvidia-ml-py) shows them.

A look starts NVML where it is not running, and starts it anew after it failed, so that a driver that is loaded late
is found late rather than never.
"""

import threading
from types import ModuleType

from airgate_plugin.model import DeviceId, Observation, PciAddress, Sighting, Vendor
from airgate_plugin.sources.hostfs import HostFiles

CONTROL_NODES = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools")  # every CUDA process needs them


class NvidiaNvml:
    """Looks through NVML; device nodes and NUMA come from the host's files."""

    name = "nvml"

    def __init__(self, host: HostFiles) -> None:
        """Look at the GPUs of `host`, which must be the machine this process runs on."""
        self._host = host
        self._lock = threading.Lock()
        self._nvml: ModuleType | None = None

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
            return Sighting(
                vendor=Vendor.NVIDIA,
                address=address,
                id=DeviceId(nvml.nvmlDeviceGetUUID(handle)),
                nodes=self._find_nodes(nvml.nvmlDeviceGetMinorNumber(handle)),
                numa=self._find_numa(address),
                status=_read_status(nvml, handle),
                sku=nvml.nvmlDeviceGetName(handle),
            )
        except (nvml.NVMLError_GpuIsLost, nvml.NVMLError_NotFound, nvml.NVMLError_Unknown):
            return None

    def _find_numa(self, address: PciAddress) -> int | None:
        numa = self._host.read_number(f"/sys/bus/pci/devices/{address}/numa_node")
        return numa if numa is not None and numa >= 0 else None

    def _find_nodes(self, minor: int) -> tuple[str, ...]:
        control = (node for node in CONTROL_NODES if self._host.find_path(node).exists())
        return (f"/dev/nvidia{minor}", *control)


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

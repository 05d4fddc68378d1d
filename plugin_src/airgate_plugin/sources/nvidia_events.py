"""What NVIDIA's driver tells by itself, through NVML's events: errors of a GPU or of one of its MIG instances (Xid)."""

import contextlib
import threading
from types import ModuleType

from airgate_plugin.sources.nvidia_nvml import NvidiaNvml

EVENT_WAIT_MS = 1000  # how long NVML may keep the bell's thread at its end
RETRY_SECONDS = 5.0  # without a GPU that can tell


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
            uuid, instance = nvml.nvmlDeviceGetUUID(event.device), int(event.gpuInstanceId)
            if self._source.count_xid(uuid, int(event.eventData), instance):
                return True
        return False


def _register(nvml: ModuleType, index: int, events: object) -> None:
    """Ask for one GPU's errors; one that is lost or too old for events is passed over."""
    with contextlib.suppress(nvml.NVMLError):
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        nvml.nvmlDeviceRegisterEvents(handle, nvml.nvmlEventTypeXidCriticalError, events)

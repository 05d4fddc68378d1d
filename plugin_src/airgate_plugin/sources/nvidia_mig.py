"""The parts that an NVIDIA GPU is split into by MIG, each a device of its own with a UUID, and the nodes that open it.

A part is a GPU instance (GI) with a compute instance (CI) in it. A process may use it where it can open the GPU's
node and two capability nodes, /dev/nvidia-caps/nvidia-capN, one for the GI and one for the CI; which N is in
/proc/driver/nvidia-caps/mig-minors, or in one small file for each capability (NVIDIA's MIG user guide, "Device Nodes
and Capabilities"; drivers from 470 on, whose MIG devices have UUIDs of their own).
"""

import contextlib
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

from airgate_plugin.model import DeviceId, Reason, Sighting
from airgate_plugin.sources.hostfs import HostFiles

MINORS = "/proc/driver/nvidia-caps/mig-minors"  # lines as "gpu0/gi1/ci0/access 31"
CAPABILITIES = "/proc/driver/nvidia/capabilities"  # gpu0/mig/gi1/ci0/access, with a line "DeviceFileMinor: 31"
NODE = "/dev/nvidia-caps/nvidia-cap"
PROFILE = re.compile(r" MIG (\S+)$")  # "NVIDIA A100-SXM4-40GB MIG 1g.5gb"
MINOR = re.compile(r"^DeviceFileMinor:\s*(\d+)\s*$", re.MULTILINE)
MIB, GIB = 1 << 20, 1 << 30
EIGHTHS = 8  # the memory of a GPU is given out in eighths
LOCATIONS = ("L1_CACHE", "L2_CACHE", "REGISTER_FILE", "SRAM")  # what NVML counts by instance


class Capabilities:
    """The numbers of the capability nodes, read once: they stay as they are while the driver is loaded."""

    def __init__(self, host: HostFiles) -> None:
        """Read nothing yet."""
        self._host = host
        self._minors: dict[str, int] = {}

    def find_nodes(self, gpu: int, instance: int, compute: int) -> tuple[str, ...]:
        """Return the two nodes of a part; () where one of them is not known or not there."""
        names = (f"gpu{gpu}/gi{instance}/access", f"gpu{gpu}/gi{instance}/ci{compute}/access")
        minors = [self._find_minor(name) for name in names]
        nodes = tuple(f"{NODE}{minor}" for minor in minors if minor is not None)
        return nodes if len(nodes) == len(names) and all(map(self._is_there, nodes)) else ()

    def _is_there(self, node: str) -> bool:
        return self._host.find_path(node).exists()

    def _find_minor(self, name: str) -> int | None:
        if name not in self._minors:
            self._minors = read_minors(self._host.read_long_text(MINORS) or "")
        if name in self._minors:
            return self._minors[name]
        gpu, _, rest = name.partition("/")
        found = MINOR.search(self._host.read_text(f"{CAPABILITIES}/{gpu}/mig/{rest}") or "")
        return int(found[1]) if found else None


def read_minors(text: str) -> dict[str, int]:
    """Return the number of each capability from the lines of `mig-minors`; what is no such line is passed over."""
    pairs = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def find_parts(nvml: ModuleType, gpu: Any) -> Iterator[Any]:
    """Yield the handle of every part of a GPU; their places may have gaps. Raises NVMLError else."""
    for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(gpu)):
        with contextlib.suppress(nvml.NVMLError_NotFound, nvml.NVMLError_InvalidArgument):
            yield nvml.nvmlDeviceGetMigDeviceHandleByIndex(gpu, index)


def find_instance(nvml: ModuleType, part: Any) -> tuple[int, int]:
    """Return the numbers of GPU instance and compute instance of a part."""
    return nvml.nvmlDeviceGetGpuInstanceId(part), nvml.nvmlDeviceGetComputeInstanceId(part)


def look_at_part(nvml: ModuleType, part: Any, whole: Sighting, nodes: tuple[str, ...], xids: int) -> Sighting:
    """Return what is seen of one part of the GPU `whole`; `nodes` are its capability nodes, () where unknown."""
    attributes = nvml.nvmlDeviceGetAttributes(part)
    temperature = {key: value for key, value in whole.facts.items() if key in ("temperature_celsius",)}
    return replace(
        whole,
        id=DeviceId(nvml.nvmlDeviceGetUUID(part)),
        parent=whole.id,
        profile=_find_profile(nvml, part, attributes, whole),
        nodes=(*whole.nodes, *nodes),
        status="ok" if nodes else "no-capability",
        faults={Reason.XID: xids, **_read_ecc(nvml, part)},
        facts={**temperature, "dram_total": f"{attributes.memorySizeMB} MB"},
    )


def _find_profile(nvml: ModuleType, part: Any, attributes: Any, whole: Sighting) -> str:
    """Return the name of a part's size; old drivers do not tell it."""
    found = PROFILE.search(nvml.nvmlDeviceGetName(part))
    if found:
        return found[1]
    total, _, _ = whole.facts.get("dram_total", "0 B").partition(" ")
    slices = attributes.computeInstanceSliceCount, attributes.gpuInstanceSliceCount
    return compute_profile(*slices, attributes.memorySizeMB, int(total))


def compute_profile(compute: int, slices: int, memory_mib: int, total_bytes: int) -> str:
    """Return the name that NVIDIA gives to such a part: whole eighths of the GPU's memory, in rounded-up GB."""
    eighths = math.ceil(memory_mib * MIB * EIGHTHS / total_bytes) if total_bytes else 0
    gigabytes = math.floor(eighths * math.ceil(total_bytes / GIB) / EIGHTHS + 0.5)
    prefix = "" if compute == slices else f"{compute}c."
    return f"{prefix}{slices}g.{gigabytes}gb"


def _read_ecc(nvml: ModuleType, part: Any) -> dict[Reason, int]:
    """Return the uncorrected memory errors of this part alone; {} where NVML does not count them by instance."""
    counts: list[int] = []
    for location in LOCATIONS:
        kinds = nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, nvml.NVML_VOLATILE_ECC
        with contextlib.suppress(nvml.NVMLError):
            where = getattr(nvml, f"NVML_MEMORY_LOCATION_{location}")
            counts.append(int(nvml.nvmlDeviceGetMemoryErrorCounter(part, *kinds, where)))
    return {Reason.UNCORRECTED_ERRORS: sum(counts)} if counts else {}

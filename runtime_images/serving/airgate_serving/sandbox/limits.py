"""Resource limits: how much memory, processor time, disk and how many files a call may use."""

import contextlib
import ctypes
import resource
import signal
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1024 * 1024
PR_SET_PDEATHSIG = 1
RESERVED = 16 * 1024 * MEBIBYTE  # address space that libraries reserve and never touch


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Bounds of one call, over what the process has already."""

    memory_bytes: int = 2048 * MEBIBYTE
    cpu_seconds: int = 120
    file_bytes: int = 256 * MEBIBYTE
    open_files: int = 256


def apply_limits(limits: CallLimits) -> None:
    """Bound this process for the rest of its life; core dumps are off."""
    data = read_data_size() + limits.memory_bytes
    _bound(resource.RLIMIT_DATA, data)
    _bound(resource.RLIMIT_AS, data + RESERVED)
    _bound(resource.RLIMIT_CPU, limits.cpu_seconds)
    _bound(resource.RLIMIT_FSIZE, limits.file_bytes)
    _bound(resource.RLIMIT_NOFILE, limits.open_files)
    _bound(resource.RLIMIT_CORE, 0)


def limit_files(size: int) -> None:
    """Bound the bytes of each file that this process may still write."""
    _bound(resource.RLIMIT_FSIZE, size)


def die_with_parent() -> None:
    """Ask the kernel to kill this process when the one that started it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def volunteer_for_oom() -> None:
    """Ask the kernel to kill this process first when the container runs out of memory."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _bound(kind: int, amount: int) -> None:
    _, hard = resource.getrlimit(kind)
    limit = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
    resource.setrlimit(kind, (limit, limit))


def read_data_size() -> int:
    """Return the bytes of private writable memory this process has now (VmData)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0

"""How many threads a model may use: what the container's CPU limit allows, not what the host has.

Docs: Linux `Documentation/admin-guide/cgroup-v2.rst` (cpu.max) and `scheduler/sched-bwc.rst` (cfs_quota_us).
"""

import math
import os
from pathlib import Path

from airgate_serving.cgroups import list_groups, read_text

ROOT = Path("/")


def count_threads(root: Path = ROOT) -> int:
    """Return the number of threads for one run: the CPU limit rounded up, at most the cores this process may use."""
    cores = len(os.sched_getaffinity(0))
    limit = read_cpu_limit(root)
    return cores if limit is None else max(1, min(cores, math.ceil(limit)))


def read_cpu_limit(root: Path = ROOT) -> float | None:
    """Return the tightest CPU limit in cores among this process's cgroups, or None where there is none."""
    limits = [*_read_v2_limits(root), *_read_v1_limits(root)]
    return min(limits, default=None)


def _read_v2_limits(root: Path) -> list[float]:
    """Return the limits of cpu.max, "max 100000" or "50000 100000", from our group up to the root."""
    limits = []
    for folder in list_groups(root):
        words = read_text(folder / "cpu.max").split()
        if len(words) == 2 and words[0].isdigit() and int(words[1]):
            limits.append(int(words[0]) / int(words[1]))
    return limits


def _read_v1_limits(root: Path) -> list[float]:
    """Return the limits of cpu.cfs_quota_us over cpu.cfs_period_us; a quota of -1 is none."""
    limits = []
    for folder in list_groups(root, "cpu"):
        quota = read_text(folder / "cpu.cfs_quota_us").strip()
        period = read_text(folder / "cpu.cfs_period_us").strip()
        if quota.isdigit() and period.isdigit() and int(period):
            limits.append(int(quota) / int(period))
    return limits

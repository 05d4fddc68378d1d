"""How much memory this process may have: the least of the machine's, its container's and its own limit.

Docs: Linux `Documentation/admin-guide/cgroup-v2.rst` (memory.max) and `cgroup-v1/memory.rst` (memory.limit_in_bytes).
"""

import resource
from pathlib import Path

from airgate_serving.cgroups import list_groups, read_text
from airgate_serving.sandbox.limits import read_data_size

ROOT = Path("/")
KIBIBYTE = 1024


def find_memory(root: Path = ROOT) -> int:
    """Return the bytes this process may use, what it uses already included where the limit is its container's."""
    limits = [*_read_machine(root), *_read_limits(root), *_read_own()]
    return min(limits)


def _read_machine(root: Path) -> list[int]:
    lines = [line.split() for line in read_text(root / "proc/meminfo").splitlines()]
    return [int(words[1]) * KIBIBYTE for words in lines if words[:1] == ["MemTotal:"]]


def _read_limits(root: Path) -> list[int]:
    """Return the limits of our groups; where there is none, version 2 says max and version 1 an absurd number."""
    files = [folder / "memory.max" for folder in list_groups(root)]
    files += [folder / "memory.limit_in_bytes" for folder in list_groups(root, "memory")]
    texts = [read_text(file).strip() for file in files]
    return [int(text) for text in texts if text.isdigit()]


def _read_own() -> list[int]:
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return [] if soft == resource.RLIM_INFINITY else [max(0, soft - read_data_size())]

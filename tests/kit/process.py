"""What a process of this machine holds, and which are below it; see proc(5)."""

import os
import time
from pathlib import Path

POOL_THREADS = (os.cpu_count() or 1) + 4  # of asyncio, each started when so many calls first coincide
SETTLE_S = 1.0  # until a server has let go of the connections that its callers have closed


def measure(pid: int) -> dict[str, float]:
    """Return what may not grow: threads, descriptors, resident_mb."""
    descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    resident = round(int(status["VmRSS"].split()[0]) / 1024, 1)
    return {"threads": int(status["Threads"]), "descriptors": descriptors, "resident_mb": resident}


def measure_settled(pid: int) -> dict[str, float]:
    """Return what may not grow, once the last caller's connection is gone."""
    time.sleep(SETTLE_S)
    return measure(pid)


def check_growth(before: dict[str, float], after: dict[str, float], most_mb: float) -> None:
    """Fail when a process, measured twice, holds more than it did and was allowed to."""
    for name, most in {"threads": POOL_THREADS, "descriptors": 0, "resident_mb": most_mb}.items():
        assert after[name] - before[name] <= most, f"there is more of {name}: first {before}, then {after}"


def find_children(pid: int) -> list[int]:
    """Return the process ids right below `pid`."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def find_descendants(pid: int) -> list[int]:
    """Return the process ids below `pid`, each before those below itself."""
    return [each for child in find_children(pid) for each in (child, *find_descendants(child))]

"""What a process of this machine holds, and which are below it; see proc(5)."""

from pathlib import Path


def measure(pid: int) -> dict[str, float]:
    """Return what may not grow: threads, descriptors, resident_mb."""
    descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    resident = round(int(status["VmRSS"].split()[0]) / 1024, 1)
    return {"threads": int(status["Threads"]), "descriptors": descriptors, "resident_mb": resident}


def find_children(pid: int) -> list[int]:
    """Return the process ids right below `pid`."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def find_descendants(pid: int) -> list[int]:
    """Return the process ids below `pid`, each before those below itself."""
    return [each for child in find_children(pid) for each in (child, *find_descendants(child))]

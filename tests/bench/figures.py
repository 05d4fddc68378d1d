"""A figure, how several are printed, and where they are kept."""

import dataclasses
import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path("build/bench")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure.

    ours: median. peers: name -> median of the same in the same run. limit: what could be reached at most (an echo,
    a raw loop), by name. goal: as a sentence, or "". runs: every single value of ours, in order.
    """

    figure: str
    unit: str
    ours: float
    peers: dict[str, float] = field(default_factory=dict)
    limit: dict[str, float] = field(default_factory=dict)
    goal: str = ""
    runs: list[float] = field(default_factory=list)


def find_median(figure: str, unit: str, runs: Sequence[float], **more: object) -> Figure:
    """Return a figure from several runs."""
    return Figure(figure, unit, statistics.median(runs), runs=list(runs), **more)  # type: ignore[arg-type]


def find_machine() -> dict[str, object]:
    """Return what the figures were made on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / (1 << 30)),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def write_figures(name: str, figures: Sequence[Figure]) -> Path:
    """Write build/bench/NAME.json and return its path."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.json"
    machine = find_machine()
    path.write_text(json.dumps([{**dataclasses.asdict(f), "machine": machine} for f in figures], indent=1) + "\n")
    return path


def render_table(name: str, figures: Sequence[Figure]) -> str:
    """Return the figures as a table with ratios to peers and limits."""
    lines = [f"\n{name}", f"{'figure':<58} {'ours':>12} {'unit':<8} range, ratios"]
    for figure in figures:
        spread = f"{min(figure.runs):,.6g}-{max(figure.runs):,.6g}" if len(figure.runs) > 1 else ""
        peers = [f"{show_ratio(figure.ours, value)} x {peer}" for peer, value in figure.peers.items()]
        limits = [f"{show_ratio(figure.ours, value)} of {limit}" for limit, value in figure.limit.items()]
        notes = "; ".join(filter(None, [spread, *peers, *limits, figure.goal and f"goal: {figure.goal}"]))
        lines.append(f"{figure.figure:<58} {figure.ours:>12,.6g} {figure.unit:<8} {notes}")
    return "\n".join(lines)


def show_ratio(ours: float, other: float) -> str:
    """Return ours / other with two digits, or "?" when the other is 0."""
    return f"{ours / other:.2f}" if other else "?"

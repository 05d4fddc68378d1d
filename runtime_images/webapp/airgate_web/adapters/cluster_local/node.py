"""This machine as a node: its name, its classes, its cores and its memory."""

import os
import socket
from pathlib import Path

from airgate_kit.names import NODE_CLASSES
from airgate_web.domain.amounts import MILLIS_A_CORE, Amounts
from airgate_web.domain.workload import NodeFacts

KIB_A_MIB = 1024


def find_node(capacity: dict[str, int], allocatable: dict[str, int]) -> NodeFacts:
    """Return the one node there is: this machine, of every class, with these cards by resource."""
    return NodeFacts(
        name=socket.gethostname(),
        ready=True,
        classes=tuple(NODE_CLASSES),
        cpu_millis=len(os.sched_getaffinity(0)) * MILLIS_A_CORE,
        memory_mib=read_memory(Path("/proc/meminfo").read_text()),
        capacity=capacity,
        allocatable=allocatable,
    )


def read_memory(meminfo: str) -> int:
    """Return MemTotal in MiB from the text of /proc/meminfo."""
    line = next(line for line in meminfo.splitlines() if line.startswith("MemTotal:"))
    return int(line.split()[1]) // KIB_A_MIB


def explain_too_large(amounts: Amounts, node: NodeFacts) -> str:
    """Return why a replica can never run on this machine, or "". Cores and memory are not counted off otherwise."""
    if amounts.cpu_millis > node.cpu_millis:
        return f"asks {amounts.cpu_millis / MILLIS_A_CORE:g} cores of {node.cpu_millis / MILLIS_A_CORE:g}"
    if amounts.memory_mib > node.memory_mib:
        return f"asks {amounts.memory_mib} MiB of memory of {node.memory_mib}"
    return ""

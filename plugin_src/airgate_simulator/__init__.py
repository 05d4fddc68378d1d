"""A host with SIMULATED Qualcomm Cloud AI cards: files that look like one, and nothing that computes.

In come a folder and the cards to pretend; out comes a tree (sys, dev, etc and a stand-in for qaic-util) that the
device plugin reads exactly as it reads a real host, given `--host-root`. Faults are written into the same tree.
No real card ever answered: the tree is reconstructed from the driver's and the SDK's public descriptions.
"""

from airgate_simulator.faults import (
    apply_link,
    apply_lost_soc,
    apply_returned_soc,
    apply_serial,
    apply_status,
    apply_uncorrected_error,
    apply_util_mode,
    apply_workload,
    find_socs,
)
from airgate_simulator.plan import SKUS, Soc, plan_mixed, plan_socs
from airgate_simulator.tree import write_tree

__all__ = [
    "SKUS",
    "Soc",
    "apply_link",
    "apply_lost_soc",
    "apply_returned_soc",
    "apply_serial",
    "apply_status",
    "apply_uncorrected_error",
    "apply_util_mode",
    "apply_workload",
    "find_socs",
    "plan_mixed",
    "plan_socs",
    "write_tree",
]

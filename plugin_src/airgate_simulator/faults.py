"""What can go wrong with a simulated card, written into its tree. Each can be repeated."""

import dataclasses
from pathlib import Path

from airgate_simulator.plan import Soc
from airgate_simulator.tree import pci_folder, read_facts, remove_soc, write_facts, write_soc

RUNNING = 5  # the state of a channel with a workload whose cores are up; 0 is idle
UTIL_MODES = ("ok", "slow", "hang", "garbage", "fail", "missing-serial")


def find_socs(root: Path) -> tuple[Soc, ...]:
    """Return the SoCs of the tree, lost ones included, in order of their PCI addresses."""
    rows = read_facts(root)["socs"]
    names = {field.name for field in dataclasses.fields(Soc)}
    if not isinstance(rows, list):
        return ()
    return tuple(Soc(**{key: value for key, value in row.items() if key in names}) for row in rows)


def apply_lost_soc(root: Path, address: str) -> None:
    """Let one SoC fall off the bus: gone from sysfs, from /dev and from qaic-util."""
    soc = _find_soc(root, address)
    _change_row(root, address, lost=True)
    remove_soc(root, soc)


def apply_returned_soc(root: Path, address: str) -> None:
    """Bring a lost or failed SoC back as it was when it was new: present and Ready."""
    write_soc(root, dataclasses.replace(_find_soc(root, address), status="Ready"))
    _write_channel(root, _find_soc(root, address), 0, only_where_told=True)


def apply_workload(root: Path, address: str, is_there: bool = True, kernel_tells: bool = True) -> None:
    """Let a workload sit on one SoC, or end it: qaic-util counts it, and a kernel from 6.19 on (`kernel_tells`) too."""
    _change_row(root, address, busy=is_there)
    if kernel_tells:
        _write_channel(root, _find_soc(root, address), RUNNING if is_there else 0)


def apply_status(root: Path, address: str, status: str) -> None:
    """Let qaic-util report `status` (Ready, Initializing, Error or any other word) for one SoC."""
    _change_row(root, address, status=status)


def apply_serial(root: Path, address: str, serial: str) -> None:
    """Let one SoC report another board serial (empty: it reports none)."""
    _change_row(root, address, serial=serial)


def apply_uncorrected_error(root: Path, address: str) -> None:
    """Let the SoC's counter of uncorrected errors grow by one."""
    path = pci_folder(root, _find_soc(root, address).address) / "ue_count"
    path.write_text(f"{int(path.read_text()) + 1}\n")


def apply_link(root: Path, address: str, speed: str) -> None:
    """Let the SoC's PCIe link run at `speed` GT/s; "16.0" is what it should be."""
    if not speed.replace(".", "", 1).isdigit():
        raise ValueError(f"--link {speed!r} is no speed; give GT/s, e.g. --link {address}=2.5")
    (pci_folder(root, _find_soc(root, address).address) / "current_link_speed").write_text(f"{speed} GT/s PCIe\n")


def apply_util_mode(root: Path, mode: str, seconds: float = 0.0) -> None:
    """Change how qaic-util itself behaves: one of `UTIL_MODES`; `seconds` is the delay of "slow"."""
    if mode not in UTIL_MODES:
        raise ValueError(f"qaic-util mode {mode!r} is unknown; use one of {', '.join(UTIL_MODES)}")
    facts = read_facts(root)
    facts["util"] = {"mode": mode, "seconds": seconds}
    write_facts(root, facts)


def _write_channel(root: Path, soc: Soc, state: int, only_where_told: bool = False) -> None:
    path = pci_folder(root, soc.address) / "accel" / f"accel{soc.accel}" / "dbc0_state"
    if path.exists() or (not only_where_told and path.parent.exists()):
        path.write_text(f"{state}\n")


def _find_soc(root: Path, address: str) -> Soc:
    for soc in find_socs(root):
        if soc.address == address:
            return soc
    known = ", ".join(soc.address for soc in find_socs(root)) or "none"
    raise ValueError(f"no simulated SoC at {address}; this tree has {known}")


def _change_row(root: Path, address: str, **changes: object) -> None:
    _find_soc(root, address)
    facts = read_facts(root)
    rows = facts["socs"]
    for row in rows if isinstance(rows, list) else []:
        if row["address"] == address:
            row.update(changes)
    write_facts(root, facts)

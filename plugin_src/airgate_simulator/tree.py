"""Writes the simulated host's files under one folder; every file can be written again."""

import dataclasses
import json
import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from airgate_simulator.plan import Soc

# What the stand-in for qaic-util reads, and where faults are written. Below /opt, because a container that is given
# the tree's /sys, /dev and /opt must find it.
FACTS_FILE = "opt/qti-aic/simulated.json"
MHI = "sys/bus/mhi/devices"
GROUP_QAIC = 995  # the simulated host's group id of `qaic`
NODE_MODE = 0o660  # as the SDK's udev rule has it: root and the group `qaic`
DEVICE_FILES = ("plain", "mknod")
NULL_DEVICE = os.makedev(1, 3)  # mknod makes a second /dev/null: a real device node that a runtime accepts
NOTICE = "Everything in this folder is SIMULATED by airgate-simulate-qaic. No Qualcomm card is behind it.\n"


def write_tree(root: Path, socs: Sequence[Soc], device_files: str = "plain", neighbour: bool = False) -> None:
    """Write a host with `socs` under `root`, replacing what was simulated there before.

    `device_files`: "plain" writes empty files as device nodes (no root needed), "mknod" real nodes of the null
    device (needs root; container runtimes accept them). `neighbour` adds another vendor's accelerator as accel0,
    so give the SoCs higher minors. Raises ValueError where `root` holds something that is not ours.
    """
    if device_files not in DEVICE_FILES:
        raise ValueError(f"--device-files {device_files!r} is unknown; use {' or '.join(DEVICE_FILES)}")
    _clear(root)
    write_facts(root, {"notice": NOTICE.strip(), "util": {"mode": "ok"}, "device_files": device_files, "socs": []})
    (root / "SIMULATED.txt").write_text(NOTICE)
    for folder in ("sys/class/accel", "sys/bus/pci/devices", "dev/accel", "etc"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "etc/group").write_text(f"root:x:0:\nqaic:x:{GROUP_QAIC}:\n")
    _write_util(root)
    for soc in socs:
        write_soc(root, soc)
    if neighbour:
        _write_neighbour(root)


def read_facts(root: Path) -> dict[str, object]:
    """Return what the tree says about itself; raises FileNotFoundError where there is none."""
    facts: dict[str, object] = json.loads((root / FACTS_FILE).read_text())
    return facts


def write_facts(root: Path, facts: dict[str, object]) -> None:
    """Replace the tree's facts in one step, so that a reader never sees half of them."""
    path = root / FACTS_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(facts, indent=2))
    beside.replace(path)


def write_soc(root: Path, soc: Soc) -> None:
    """Make one SoC present: PCI device, accel class entry, device node and facts."""
    _write_pci(root, soc.address, vendor="0x17cb", device="0xa100", numa=soc.numa)
    _write_mhi(root, soc)
    _write_accel(root, soc.address, soc.accel, str(read_facts(root)["device_files"]))
    facts = read_facts(root)
    others = [s for s in _soc_rows(facts) if s["address"] != soc.address]
    facts["socs"] = sorted([*others, dataclasses.asdict(soc)], key=lambda s: str(s["address"]))
    write_facts(root, facts)


def remove_soc(root: Path, soc: Soc) -> None:
    """Make one SoC absent, as after it fell off the bus; its last facts are kept for its return."""
    for link in (root / "sys/class/accel" / f"accel{soc.accel}", root / "sys/bus/pci/devices" / soc.address):
        link.unlink(missing_ok=True)
    shutil.rmtree(pci_folder(root, soc.address), ignore_errors=True)
    (root / "dev/accel" / f"accel{soc.accel}").unlink(missing_ok=True)
    (root / MHI / f"mhi{soc.mhi}").unlink(missing_ok=True)


def pci_folder(root: Path, address: str) -> Path:
    """Return where the kernel keeps the PCI device itself (bus and class only link to it)."""
    return root / "sys/devices/pci0000:00" / address


def _soc_rows(facts: dict[str, object]) -> list[dict[str, object]]:
    rows = facts["socs"]
    return rows if isinstance(rows, list) else []


def _write_pci(root: Path, address: str, vendor: str, device: str, numa: int) -> None:
    pci = pci_folder(root, address)
    pci.mkdir(parents=True, exist_ok=True)
    values = {
        "vendor": vendor,
        "device": device,
        "class": "0x120000",
        "numa_node": str(numa),
        "current_link_speed": "16.0 GT/s PCIe",
        "max_link_speed": "16.0 GT/s PCIe",
        "current_link_width": "8",
        "max_link_width": "8",
        "ce_count": "0",
        "ue_count": "0",
        "ue_nonfatal_count": "0",
    }
    for name, value in values.items():
        (pci / name).write_text(value + "\n")
    _link(root / "sys/bus/pci/devices" / address, f"../../../devices/pci0000:00/{address}")


def _write_mhi(root: Path, soc: Soc) -> None:
    """Make the SoC's MHI device, with the file that resets it where a 1 is written."""
    entry = pci_folder(root, soc.address) / f"mhi{soc.mhi}"
    entry.mkdir(exist_ok=True)
    (entry / "soc_reset").write_text("")
    (root / MHI).mkdir(parents=True, exist_ok=True)
    _link(root / MHI / entry.name, f"../../../devices/pci0000:00/{soc.address}/{entry.name}")


def _write_accel(root: Path, address: str, accel: int, device_files: str) -> None:
    entry = pci_folder(root, address) / "accel" / f"accel{accel}"
    entry.mkdir(parents=True, exist_ok=True)
    _link(entry / "device", f"../../../{address}")
    _link(root / "sys/class/accel" / entry.name, f"../../devices/pci0000:00/{address}/accel/{entry.name}")
    node = root / "dev/accel" / entry.name
    if node.exists():
        return
    if device_files == "plain":
        node.touch(mode=NODE_MODE)
        return
    os.mknod(node, mode=stat.S_IFCHR | NODE_MODE, device=NULL_DEVICE)
    node.chmod(NODE_MODE)  # mknod obeys the umask
    os.chown(node, 0, GROUP_QAIC)


def _write_neighbour(root: Path) -> None:
    """Add an Intel NPU as accel0: the accel class is shared between vendors."""
    _write_pci(root, "0000:00:0b.0", vendor="0x8086", device="0x7d1d", numa=-1)
    _write_accel(root, "0000:00:0b.0", 0, "plain")


def _write_util(root: Path) -> None:
    program = root / "opt/qti-aic/tools/qaic-util"
    program.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).with_name("stand_in_qaic_util.py"), program)
    program.chmod(0o755)


def _clear(root: Path) -> None:
    if root.is_dir() and any(root.iterdir()) and not (root / FACTS_FILE).exists():
        raise ValueError(f"{root} is not empty and was not simulated; name a new or an empty folder")
    for name in ("sys", "dev", "opt"):
        _empty(root / name)


def _empty(folder: Path) -> None:
    """Remove what is in a folder but not the folder: a container may have it mounted."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _link(link: Path, target: str) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)

"""`airgate-simulate-qaic`: make a tree with simulated cards, or break and mend one that is there."""

import argparse
import contextlib
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from airgate_kit.clock import SystemClock
from airgate_simulator import faults
from airgate_simulator.plan import SKUS, Soc, plan_mixed, plan_socs
from airgate_simulator.resets import answer_resets
from airgate_simulator.script import play_script, read_script
from airgate_simulator.tree import DEVICE_FILES, pci_folder, write_tree

EXIT_OK = 0
EXIT_USAGE = 2

FAULTS_OF_ONE: dict[str, Callable[..., None]] = {  # flag -> what happens to the SoC at its address
    "lose": faults.apply_lost_soc,
    "restore": faults.apply_returned_soc,
    "error": faults.apply_uncorrected_error,
    "busy": faults.apply_workload,
    "idle": partial(faults.apply_workload, is_there=False),
}
FAULTS_WITH_A_VALUE = {"status": faults.apply_status, "serial": faults.apply_serial, "link": faults.apply_link}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code (0 done, 2 not understood or not possible)."""
    wishes = _parser().parse_args(arguments)
    try:
        _apply(wishes)
    except FileNotFoundError:
        print(f"{wishes.root} holds no simulated host; make one with --cards N --sku pro", file=sys.stderr)
        return EXIT_USAGE
    except (ValueError, PermissionError) as why:
        print(f"airgate-simulate-qaic: {why}", file=sys.stderr)
        return EXIT_USAGE
    _print_tree(wishes.root)
    if wishes.answer_resets is not None:
        with contextlib.suppress(KeyboardInterrupt):
            answer_resets(wishes.root, wishes.answer_resets, SystemClock())
    return EXIT_OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="airgate-simulate-qaic",
        description="Write a host with SIMULATED Qualcomm cards. Nothing in it computes; no real card answers.",
    )
    add = parser.add_argument
    add("--root", type=Path, required=True, metavar="DIR", help="folder of the simulated host")
    add("--cards", type=int, metavar="N", help="write the tree anew with this many cards")
    add("--sku", choices=tuple(SKUS), default="pro", help="what the cards are (default: pro)")
    add("--also", action="append", default=[], metavar="N:SKU", help="with --cards: N more cards of another kind")
    add("--script", type=Path, metavar="FILE", help='faults over time, one a line: "1.5 lose 0000:12:00.0"')
    add("--numa-nodes", type=int, default=2, metavar="N", help="NUMA nodes to spread over; 0: unknown (default: 2)")
    add("--device-files", choices=DEVICE_FILES, default="plain", help="device nodes as files, or real ones (root)")
    add("--neighbour", action="store_true", help="add another vendor's accelerator as accel0")
    add("--lose", metavar="ADDRESS", help="let the SoC at this PCI address fall off the bus")
    add("--restore", metavar="ADDRESS", help="bring that SoC back, Ready")
    add("--status", metavar="ADDRESS=WORD", help="let qaic-util report Ready, Initializing, Error or another word")
    add("--serial", metavar="ADDRESS=SERIAL", help="let the SoC report another board serial")
    add("--link", metavar="ADDRESS=SPEED", help="let the SoC's PCIe link run at this many GT/s (16.0 is right)")
    add("--error", metavar="ADDRESS", help="let the SoC's counter of uncorrected errors grow by one")
    add("--busy", metavar="ADDRESS", help="let a workload sit on the SoC at this address")
    add("--idle", metavar="ADDRESS", help="end it")
    add("--answer-resets", type=float, metavar="S", help="let SoCs that are reset be away for S seconds; until ended")
    add("--util", choices=faults.UTIL_MODES, help="how qaic-util itself behaves")
    add("--util-seconds", type=float, default=3.0, metavar="S", help='delay of "--util slow" (default: 3)')
    return parser


def _apply(wishes: argparse.Namespace) -> None:
    root: Path = wishes.root
    if wishes.cards is not None:
        socs = _plan(wishes)
        write_tree(root, socs, wishes.device_files, wishes.neighbour)
    for flag, apply in FAULTS_OF_ONE.items():
        if address := getattr(wishes, flag):
            apply(root, address)
    for flag, change in FAULTS_WITH_A_VALUE.items():
        if pair := getattr(wishes, flag):
            change(root, *_pair(f"--{flag}", pair))
    if wishes.script:
        play_script(root, read_script(_read_text(wishes.script)), SystemClock())
    if wishes.util:
        faults.apply_util_mode(root, wishes.util, wishes.util_seconds)


def _read_text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as why:
        raise ValueError(f"--script {path} cannot be read: {why}") from why


def _plan(wishes: argparse.Namespace) -> tuple[Soc, ...]:
    others = [text.partition(":") for text in wishes.also]
    if wrong := [text for text in wishes.also if not re.match(rf"\d+:({'|'.join(SKUS)})$", text)]:
        raise ValueError(f"--also {wrong[0]!r} needs the form N:SKU, e.g. --also 2:std")
    plan_socs(wishes.cards, wishes.sku, wishes.numa_nodes)  # refuses what one kind alone cannot be
    groups = [(wishes.cards, wishes.sku), *((int(count), sku) for count, _, sku in others)]
    return plan_mixed(groups, wishes.numa_nodes, first_accel=int(wishes.neighbour))


def _pair(flag: str, text: str) -> tuple[str, str]:
    address, sign, value = text.partition("=")
    if not sign:
        raise ValueError(f"{flag} {text!r} needs the form ADDRESS=VALUE, e.g. {flag} 0000:01:00.0=Error")
    return address, value


def _print_tree(root: Path) -> None:
    print(f"simulated host at {root} (no real card):")
    for soc in faults.find_socs(root):
        state = soc.status if pci_folder(root, soc.address).exists() else "lost"
        print(f"  {soc.address}  {soc.sku:<16} QID {soc.qid:<3} accel{soc.accel:<3} {soc.serial}  {state}")

"""Faults by script: one a line, each at its second. Blank lines and what stands after a # are passed over.

0    lose    0000:12:00.0
5    restore 0000:12:00.0
6.5  status  0000:10:00.0 Error
7    util    hang
8    lose    all
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from airgate_kit.clock import Clock
from airgate_simulator import faults

EVERY = "all"  # in the place of an address
OF_ONE: dict[str, Callable[..., None]] = {
    "lose": faults.apply_lost_soc,
    "restore": faults.apply_returned_soc,
    "error": faults.apply_uncorrected_error,
    "busy": faults.apply_workload,
    "idle": partial(faults.apply_workload, is_there=False),
    "status": faults.apply_status,
    "serial": faults.apply_serial,
    "link": faults.apply_link,
}
WITH_A_VALUE = frozenset({"status", "serial", "link"})


@dataclass(frozen=True, slots=True)
class Step:
    """What happens, how many seconds after the start."""

    second: float
    fault: str
    words: tuple[str, ...]


def read_script(text: str) -> tuple[Step, ...]:
    """Return the steps in their order. Raises ValueError with the line that is not understood."""
    steps = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if words:
            steps.append(_read_step(number, words))
    return tuple(sorted(steps, key=lambda step: step.second))


def play_script(root: Path, steps: Sequence[Step], clock: Clock) -> None:
    """Let everything happen in its time; returns after the last step."""
    start = clock.monotonic()
    for step in steps:
        wait = start + step.second - clock.monotonic()
        if wait > 0:
            clock.sleep(wait)
        _apply(root, step)


def _read_step(number: int, words: Sequence[str]) -> Step:
    try:
        second, fault, *rest = float(words[0]), *words[1:]
        wanted = 1 + (fault in WITH_A_VALUE)
        if fault not in {*OF_ONE, "util"} or len(rest) != wanted:
            raise ValueError
    except ValueError:
        known = ", ".join([*OF_ONE, "util"])
        raise ValueError(f"line {number} of the script is not SECONDS FAULT VALUE; faults are {known}") from None
    return Step(second, fault, tuple(rest))


def _apply(root: Path, step: Step) -> None:
    if step.fault == "util":
        faults.apply_util_mode(root, step.words[0])
        return
    first, *value = step.words
    addresses = [soc.address for soc in faults.find_socs(root)] if first == EVERY else [first]
    for address in addresses:
        OF_ONE[step.fault](root, address, *value)

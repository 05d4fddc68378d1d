"""What a simulated SoC does when a 1 is written to its soc_reset: it goes away, and comes back new."""

from collections.abc import Callable
from pathlib import Path

from airgate_kit.clock import Clock
from airgate_simulator.faults import apply_lost_soc, apply_returned_soc, find_socs
from airgate_simulator.tree import pci_folder

LOOK_SECONDS = 0.05


def answer_resets(root: Path, seconds: float, clock: Clock, is_over: Callable[[], bool] = lambda: False) -> None:
    """Answer every reset until `is_over`: the SoC is away for so many seconds. Workloads on it end."""
    away: dict[str, float] = {}
    while not is_over():
        now = clock.monotonic()
        for address in find_reset_socs(root):
            apply_lost_soc(root, address)
            away[address] = now + seconds
        for address in [each for each, until in away.items() if until <= now]:
            apply_returned_soc(root, address)
            del away[address]
        clock.sleep(LOOK_SECONDS)


def find_reset_socs(root: Path) -> tuple[str, ...]:
    """Return the addresses of the SoCs that somebody resets just now."""
    files = {soc.address: pci_folder(root, soc.address) / f"mhi{soc.mhi}/soc_reset" for soc in find_socs(root)}
    return tuple(address for address, path in files.items() if path.exists() and path.read_text().strip() == "1")

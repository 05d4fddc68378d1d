"""Which simulated SoCs a host has, and how its four numberings come to disagree. Pure."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

# Board facts per --sku: the firmware's own SKU string, SoCs per card, NSPs and DRAM (MB) per SoC, board watts.
SKUS: dict[str, tuple[str, int, int, int, int]] = {
    "std": ("PCIe", 1, 14, 16384, 75),
    "pro": ("PCIe Pro", 1, 16, 32768, 75),
    "ultra": ("PCIe Ultra", 4, 16, 32768, 150),
    "ultra-plus": ("PCIe Ultra Plus", 8, 16, 32768, 300),
}

# Buses as one 10-card server has them: sorted as hexadecimal they come in another order than QIDs do.
BUSES = (0x01, 0x17, 0x31, 0x63, 0x64, 0x81, 0x98, 0xB1, 0xCA, 0xE3)
BUSES_PER_ULTRA = 0x10  # an Ultra's SoCs sit on neighbouring buses behind its switch
CARDS_MAX = {"std": 10, "pro": 10, "ultra": 15, "ultra-plus": 15}


@dataclass(frozen=True, slots=True)
class Soc:
    """One simulated SoC: what its firmware, the kernel and qaic-util say about it.

    `qid`, `accel`, `mhi` and `address` are four different numberings; no two need agree. `numa` is -1 where the
    firmware of the host does not tell.
    """

    address: str
    qid: int
    accel: int
    mhi: int
    numa: int
    sku: str
    serial: str
    nsps: int
    dram_mb: int
    board_watts: int
    status: str = "Ready"


def plan_socs(cards: int, sku: str, numa_nodes: int = 2, first_accel: int = 0) -> tuple[Soc, ...]:
    """Return the SoCs of `cards` cards of one `sku`, in order of their PCI addresses.

    `numa_nodes` 0 makes every NUMA node unknown (-1). `first_accel` is the first accel minor, for hosts where
    another vendor's accelerator took the lower ones. Raises ValueError for what cannot be planned.
    """
    if sku not in SKUS:
        raise ValueError(f"--sku {sku!r} is unknown; use one of {', '.join(SKUS)}")
    if not 0 <= cards <= CARDS_MAX[sku]:
        raise ValueError(f"--cards {cards} is out of range; one host of {sku} takes 0 to {CARDS_MAX[sku]}")
    return plan_mixed([(cards, sku)], numa_nodes, first_accel)


def plan_mixed(groups: Sequence[tuple[int, str]], numa_nodes: int = 2, first_accel: int = 0) -> tuple[Soc, ...]:
    """Return the SoCs of a node with cards of several kinds, given as (cards, sku); numbers run through all of them.

    Raises ValueError where the buses of one host are not enough.
    """
    boards: list[tuple[str, list[str]]] = []
    for cards, sku in groups:
        taken = {address for _, group in boards for address in group}
        boards += [(sku, group) for group in _choose_addresses(cards, sku, taken)]
    qids = _number_as_the_runtime_does([address for _, group in boards for address in group])
    socs: list[Soc] = []
    for card, (sku, group) in enumerate(boards):
        numa = card * numa_nodes // len(boards) if numa_nodes else -1
        socs += [_plan_soc(a, card, numa, sku, qids[a], first_accel + len(socs) + i) for i, a in enumerate(group)]
    return tuple(sorted(socs, key=lambda soc: soc.address))


def _choose_addresses(cards: int, sku: str, taken: AbstractSet[str]) -> list[list[str]]:
    """Return the PCI addresses of each card, none of them among `taken`."""
    per_card = SKUS[sku][1]
    bases = BUSES if per_card == 1 else range(BUSES_PER_ULTRA, 0x100, BUSES_PER_ULTRA)
    boards = ([f"0000:{base + soc:02x}:00.0" for soc in range(per_card)] for base in bases)
    free = [board for board in boards if taken.isdisjoint(board)]
    if len(free) < cards:
        raise ValueError(f"{cards} more cards of {sku} do not fit; this host has buses for {len(free)}")
    return free[:cards]


def _number_as_the_runtime_does(addresses: list[str]) -> dict[str, int]:
    """Number SoCs as Qualcomm's runtime does: sorted by the address written in decimal, as text."""

    def key(address: str) -> str:
        domain, bus, rest = address.split(":")
        device, function = rest.split(".")
        return f"{int(domain, 16):04d}" + "".join(f"{int(n, 16):02d}" for n in (bus, device, function))

    return {address: qid for qid, address in enumerate(sorted(addresses, key=key))}


def _plan_soc(address: str, card: int, numa: int, sku: str, qid: int, accel: int) -> Soc:
    name, _, nsps, dram_mb, watts = SKUS[sku]
    serial = f"SIM-{card:02d}-{343016 + card}"
    return Soc(address, qid, accel, 100 - accel, numa, name, serial, nsps, dram_mb, watts)

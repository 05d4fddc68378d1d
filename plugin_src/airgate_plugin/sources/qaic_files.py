"""What the files of one Qualcomm SoC in sysfs say. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from airgate_plugin.model import AccelMinor, MhiId, NodeState, PciAddress, Reason, Sighting, Vendor

MHI = re.compile(r"mhi(\d+)$")
NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Fixed:
    """What never changes of a SoC while it is there: which device it is, its NUMA node, and its link at its best.

    The best of a link is what the card and the port above it can both do: the card's own limit alone would blame a
    card in an older slot. GT/s and lanes; None where sysfs does not tell.
    """

    birth: int
    numa: int | None
    best_speed: float | None
    best_width: float | None


class Raw(NamedTuple):
    """What was read of a SoC this time, as it was read: most looks find what the last one found."""

    address: PciAddress
    accel: AccelMinor | None
    node: str | None
    node_state: NodeState
    errors: list[str | None]
    names: list[str]
    texts: dict[str, str | None]
    readings: dict[str, str]


def interpret(raw: Raw, fixed: Fixed) -> Sighting:
    """Return what the files of a SoC say."""
    speed, width = raw.texts["current_link_speed"], raw.texts["current_link_width"]
    return Sighting(
        vendor=Vendor.QUALCOMM,
        address=raw.address,
        accel=raw.accel,
        mhi=_find_mhi(raw.names),
        nodes=(raw.node,) if raw.node else (),
        node_state=raw.node_state,
        numa=fixed.numa,
        degraded=explain_link(read_leading_number(speed), read_leading_number(width), fixed),
        faults=_count_faults(raw.errors),
        facts=_write_facts(speed, width, raw.texts["ce_count"]) | raw.readings,
    )


def _find_mhi(names: Sequence[str]) -> MhiId | None:
    found = (MHI.match(name) for name in names)
    return next((MhiId(int(match[1])) for match in found if match), None)


def _count_faults(texts: Sequence[str | None]) -> dict[Reason, int]:
    """Return the count of errors that the hardware could not correct; {} on kernels that do not count."""
    counts = [int(text) for text in texts if text and text.isdigit()]
    return {Reason.UNCORRECTED_ERRORS: sum(counts)} if counts else {}


def _write_facts(speed: str | None, width: str | None, corrected: str | None) -> dict[str, str]:
    facts = {"pcie_link": f"{speed} x{width}"} if speed and width else {}
    return {**facts, "corrected_errors": corrected} if corrected else facts


def read_leading_number(text: str | None) -> float | None:
    """Return the number that a text begins with ("16.0 GT/s PCIe"); None where there is none."""
    found = NUMBER.match(text or "")
    return float(found[0]) if found else None


def find_least(one: float | None, other: float | None) -> float | None:
    """Return the smaller of two limits, either of which may be unknown."""
    return min((each for each in (one, other) if each is not None), default=None)


def explain_link(speed: float | None, width: float | None, fixed: Fixed) -> str:
    """Return a sentence where a link is poorer than both its ends allow; "" where it is not, or nobody can tell."""
    for name, current, best in (("speed in GT/s", speed, fixed.best_speed), ("width", width, fixed.best_width)):
        if current is not None and best is not None and current < best:
            return f"the {name} of its PCIe link is {current:g} where {best:g} is possible; reseat the card"
    return ""

"""Amounts: how much of a node something asks for. Cards come whole; cores and memory do not."""

import re
from dataclasses import dataclass

from airgate_web.domain.errors import Invalid

RESOURCE = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
MILLIS_A_CORE = 1000
MIB_A_GIB = 1024
CPU_MIN, CPU_MAX = 0.1, 256.0  # cores
MEMORY_MIN, MEMORY_MAX = 0.25, 4096.0  # GiB
ACCELERATORS_MAX = 64
REPLICAS_MAX = 100


@dataclass(frozen=True, slots=True)
class Amounts:
    """What one replica asks for.

    cpu_millis: thousandths of a core. memory_mib: MiB. accelerators: whole cards of `resource`
    (an extended resource's name such as "qualcomm.com/qaic"; empty when accelerators is 0).
    """

    cpu_millis: int = 1000
    memory_mib: int = 1024
    accelerators: int = 0
    resource: str = ""


def read_amounts(cpu: object, memory: object, accelerators: object, resource: str) -> Amounts:
    """Return Amounts from cores, GiB and a count of cards as a person wrote them; raise Invalid with one sentence."""
    count = read_whole("Accelerators", accelerators, 0, ACCELERATORS_MAX)
    if count and not resource:
        raise Invalid(
            "Accelerators are asked for without saying of which kind.",
            "Choose one, for example qualcomm.com/qaic.",
        )
    if count and not RESOURCE.fullmatch(resource):
        raise Invalid(
            f"'{resource}' is not the name of an accelerator.",
            "Choose one, for example qualcomm.com/qaic.",
        )
    return Amounts(
        cpu_millis=round(read_number("CPU", cpu, CPU_MIN, CPU_MAX, "cores") * MILLIS_A_CORE),
        memory_mib=round(read_number("Memory", memory, MEMORY_MIN, MEMORY_MAX, "GiB") * MIB_A_GIB),
        accelerators=count,
        resource=resource if count else "",
    )


def read_number(what: str, value: object, low: float, high: float, unit: str) -> float:
    """Return `value` as a float within [low, high]; raise Invalid naming the range and the unit."""
    try:
        number = float(str(value))
    except ValueError:
        raise Invalid(f"{what} '{value}' is not a number.", f"Write {low:g} to {high:g} {unit}.") from None
    if not low <= number <= high:
        raise Invalid(f"{what} {number:g} {unit} is out of range.", f"Write {low:g} to {high:g} {unit}.")
    return number


def read_whole(what: str, value: object, low: int, high: int) -> int:
    """Return `value` as a whole number within [low, high]; raise Invalid. 2.0 is whole, 1.5 and "two" are not."""
    try:
        number = float(str(value))
    except ValueError:
        raise Invalid(f"{what} '{value}' is not a number.", f"Write {low} to {high}.") from None
    if not number.is_integer():
        raise Invalid(
            f"{what} must be a whole number, {number:g} is not: a card cannot be shared."
            if what == "Accelerators"
            else f"{what} must be a whole number, {number:g} is not.",
            f"Write {low} to {high}.",
        )
    if not low <= number <= high:
        raise Invalid(f"{what} {int(number)} is out of range.", f"Write {low} to {high}.")
    return int(number)

"""Kubernetes quantities ("500m", "2Gi", "16384Ki") as numbers. Pure."""

from decimal import Decimal, InvalidOperation

SUFFIXES = {
    "m": Decimal("0.001"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "E": Decimal(10**18),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
}
MIB = 2**20


def read_quantity(text: str) -> Decimal:
    """Return a quantity in its base unit (cores, bytes, pieces); raise ValueError when it is none."""
    for length in (2, 1):
        if text[-length:] in SUFFIXES and len(text) > length:
            return read_decimal(text[:-length]) * SUFFIXES[text[-length:]]
    return read_decimal(text)


def read_decimal(text: str) -> Decimal:
    """Return a decimal number ("1.5", "1e3")."""
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a quantity") from None


def read_millis(text: str) -> int:
    """Return cores as thousandths."""
    return int(read_quantity(text) * 1000)


def read_mib(text: str) -> int:
    """Return bytes as MiB, rounded down."""
    return int(read_quantity(text) / MIB)


def read_cards(amounts: dict[str, str]) -> dict[str, int]:
    """Return the extended resources among a node's or a container's amounts, as whole numbers.

    Those are named DOMAIN/NAME with a domain that is not Kubernetes' own.
    """
    return {
        name: int(read_quantity(amount))
        for name, amount in amounts.items()
        if "/" in name and not name.split("/")[0].endswith("kubernetes.io")
    }

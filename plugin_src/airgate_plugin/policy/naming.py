"""Which resource a device is offered as, and which card it belongs to."""

from collections.abc import Mapping

from airgate_kit.names import RESOURCE_GPU, RESOURCE_MIG_PREFIX, RESOURCE_QAIC, RESOURCE_QAIC_BY_SKU
from airgate_plugin.model import Vendor

# Firmware's SKU string, lower case -> (suffix of the resource name, SoCs on the board). Qualcomm documents no such
# table; this is the natural reading of the names. Any other SKU gets the generic resource.
SKU_TABLE: dict[str, tuple[str, int]] = {
    "pcie": ("std", 1),
    "pcie pro": ("pro", 1),
    "pcie ultra": ("ultra", 4),
    "pcie ultra plus": ("ultra", 8),
    "pcie ultra 080": ("ultra", 4),
}
SINGLE_SOC = ("std", "pro")


def choose_resource(
    vendor: Vendor, sku: str | None, by_sku: bool, names: Mapping[str, str] | None = None, profile: str = ""
) -> str | None:
    """Return the resource that offers a device; None where it cannot be told yet.

    `names` holds this site's own names by the usual ones; `profile` is a MIG device's.

    With `by_sku` a Qualcomm device of unknown SKU is not offered at all: offering it first as the generic resource
    and later under its SKU's name would offer one SoC twice.
    """
    usual = _choose_usual_of_mig(profile) if profile else _choose_usual(vendor, sku, by_sku)
    return (names or {}).get(usual, usual) if usual else None


def _choose_usual_of_mig(profile: str) -> str | None:
    """Return the name that NVIDIA's own plugin gives a MIG device in its mixed strategy.

    Like NVIDIA's it offers no part of a GPU instance (1c.2g.10gb), and writes a dot for a plus (1g.5gb+me).
    """
    return None if "c." in profile else RESOURCE_MIG_PREFIX + profile.replace("+", ".").replace(",", ".")


def _choose_usual(vendor: Vendor, sku: str | None, by_sku: bool) -> str | None:
    if vendor is Vendor.NVIDIA:
        return RESOURCE_GPU
    if not by_sku:
        return RESOURCE_QAIC
    if sku is None:
        return None
    kind, _ = SKU_TABLE.get(sku.lower(), ("", 1))
    return RESOURCE_QAIC_BY_SKU.get(kind, RESOURCE_QAIC)


def choose_card(address: str, sku: str | None, serial: str | None) -> tuple[str, int]:
    """Return the name of the board that a SoC sits on and how many SoCs that board has.

    SoCs of one Ultra share the board serial. A board with a single SoC is named by its address, so that two boards
    with one placeholder serial are not taken for one.
    """
    kind, size = SKU_TABLE.get((sku or "").lower(), ("", 1))
    if kind in SINGLE_SOC or not serial:
        return address, size
    return serial, size

"""Records without lists, as files with columns need them."""

from collections.abc import Mapping
from typing import Any


def flatten(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record whose lists have become columns of their own: NAME_0, NAME_1."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, list):
            flat |= {f"{name}_{place}": element for place, element in enumerate(value)}
        else:
            flat[name] = value
    return flat

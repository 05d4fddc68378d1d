"""Records without lists, as files with columns need them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from airgate_serving.tensors import Signature

Labels = Mapping[str, Sequence[object]]
NO_LABELS: Labels = MappingProxyType({})


def find_labels(signature: Signature) -> Labels:
    """Return what each column of an output with one row a row stands for, where the model knows: its classes."""
    return {spec.name: spec.values for spec in signature.outputs if spec.shape[1:] == (len(spec.values),)}


def flatten(record: Mapping[str, Any], labels: Labels = NO_LABELS) -> dict[str, Any]:
    """Return a record whose lists have become columns of their own: NAME_LABEL, or NAME_0, NAME_1 without labels."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, list):
            known = labels.get(name, ())
            flat |= {f"{name}_{each}": one for each, one in zip(_label(known, len(value)), value, strict=True)}
        else:
            flat[name] = value
    return flat


def _label(known: Sequence[object], count: int) -> Sequence[object]:
    """Return the labels where there is one for each, all different; else numbers."""
    return known if len(set(map(str, known))) == count else range(count)

"""Whether two models answer the same: rows made from a signature or given by a person, and every row compared."""

from dataclasses import dataclass

import numpy as np

from airgate_serving.errors import BadModelFile
from airgate_serving.formats.interface import Runner
from airgate_serving.tensors import DATATYPES, Array, Signature, Tensors, TensorSpec

ROWS = 500
TOLERANCE_RELATIVE, TOLERANCE_ABSOLUTE = 1e-4, 1e-5  # 32-bit floats against 64-bit ones
HINT = "Serve the file as it is, or give rows of your own by --rows: thresholds between rows of chance may round apart."


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was compared: so many rows, and the largest difference of any number in them."""

    rows: int
    largest: float


def make_rows(signature: Signature, seed: int = 0) -> Tensors:
    """Return rows around the sample of every input: its known values in turn, or numbers of chance with that seed."""
    chance = np.random.default_rng(seed)
    return {spec.name: _make_column(spec, chance) for spec in signature.inputs}


def _make_column(spec: TensorSpec, chance: np.random.Generator) -> Array:
    if spec.values:
        known = [spec.values[place % len(spec.values)] for place in range(ROWS)]
        return np.array(known, dtype=DATATYPES[spec.datatype])
    sample = np.array(spec.sample, dtype=DATATYPES[spec.datatype])
    repeated = np.concatenate([sample] * ROWS)
    if repeated.dtype.kind != "f":
        return repeated
    around = chance.normal(repeated.astype(np.float64), np.abs(repeated.astype(np.float64)) / 2 + 1)
    return around.astype(np.float32).astype(repeated.dtype)  # numbers that both widths have


def compare(original: Runner, converted: Runner, rows: Tensors) -> Comparison:
    """Return what the comparison showed. Raises BadModelFile with the first row that differs."""
    wanted = original.run(rows)
    found = converted.run(arrange(rows, original.info.signature, converted.info.signature))
    count = len(next(iter(rows.values())))
    largest = 0.0
    for (name, array), other in zip(wanted.items(), found.values(), strict=False):
        largest = max(largest, _compare_output(name, array, other.reshape(array.shape)))
    return Comparison(count, largest)


def arrange(rows: Tensors, before: Signature, after: Signature) -> Tensors:
    """Return the same rows as the converted model takes them: columns of [rows, 1], or one matrix."""
    if len(after.inputs) == len(before.inputs):  # in the same order, though a converter may change names
        return {new.name: _fit(rows[old.name], new) for old, new in zip(before.inputs, after.inputs, strict=True)}
    matrix = np.column_stack([rows[spec.name] for spec in before.inputs])
    return {after.inputs[0].name: matrix.astype(DATATYPES[after.inputs[0].datatype])}


def _fit(array: Array, spec: TensorSpec) -> Array:
    cast = array.astype(DATATYPES[spec.datatype])
    return cast.reshape(-1, 1) if cast.ndim == 1 and len(spec.shape) == 2 else cast


def _compare_output(name: str, wanted: Array, found: Array) -> float:
    """Return the largest difference. Raises BadModelFile with the first row that differs by more than rounding."""
    if wanted.dtype.kind not in "f":
        differing = np.nonzero(np.asarray(wanted != found).reshape(len(wanted), -1).any(axis=1))[0]
        _refuse(name, differing, wanted, found)
        return 0.0
    close = np.isclose(found, wanted, TOLERANCE_RELATIVE, TOLERANCE_ABSOLUTE, equal_nan=True)
    _refuse(name, np.nonzero(~close.reshape(len(wanted), -1).all(axis=1))[0], wanted, found)
    return float(np.nanmax(np.abs(np.subtract(found, wanted, dtype=np.float64)))) if wanted.size else 0.0


def _refuse(name: str, differing: Array, wanted: Array, found: Array) -> None:
    if len(differing):
        row = int(differing[0])
        raise BadModelFile(
            f"The converted model answers otherwise in {len(differing)} of {len(wanted)} rows: in row {row}, {name} is "
            f"{found[row]} and should be {wanted[row]}.",
            HINT,
        )

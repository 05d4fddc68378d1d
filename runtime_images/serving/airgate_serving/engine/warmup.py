"""The first runs of a model, before it is ready: they warm it up, time it, and prove whether rows may be batched."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from airgate_serving.errors import ServingError
from airgate_serving.formats.interface import PREDICT, Runner
from airgate_serving.tensors import ANY, DATATYPES, Array, Signature, Tensors, TensorSpec

ROWS = 3  # of the trial batch
TOLERANCE_RELATIVE, TOLERANCE_ABSOLUTE = 1e-3, 1e-5  # kernels differ in the last digits by batch size
TIMED_RUNS = 3


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What the first runs showed. `seconds` of one run is None when the model does not take the sample."""

    seconds: float | None
    batchable: bool
    note: str = ""


def warm_up(runner: Runner, monotonic: Callable[[], float]) -> WarmUp:
    """Run samples and return what they showed; never raises for what the model does with them."""
    signature = runner.info.signature
    if runner.info.is_script:
        return WarmUp(None, batchable=False, note="a script runs when it is called")
    if PREDICT not in runner.info.functions:
        return WarmUp(None, batchable=False, note="its functions run when they are called")
    try:
        single = make_rows(signature, 1)
        runner.run(single)
        seconds = min(_time_run(runner, single, monotonic) for _ in range(TIMED_RUNS))
        return WarmUp(seconds, may_batch(signature) and _proves_independent(runner))
    except ServingError as error:
        return WarmUp(None, batchable=False, note=error.sentence)


def may_batch(signature: Signature) -> bool:
    """Return whether every input and output has a free first dimension, so that rows could be put together.

    Rows of maps and sequences are run one after the other anyway.
    """
    if any(spec.schema is not None for spec in signature.inputs):
        return False
    specs = (*signature.inputs, *signature.outputs)
    return bool(specs) and all(spec.shape[:1] == (ANY,) for spec in specs)


def make_rows(signature: Signature, rows: int) -> Tensors:
    """Return the sample `rows` times, its floats a little different in each row."""
    return {spec.name: _make_rows(spec, rows) for spec in signature.inputs}


def _make_rows(spec: TensorSpec, rows: int) -> Array:
    sample = np.array(spec.sample, dtype=DATATYPES[spec.datatype])
    if rows == 1:
        return sample
    stacked = np.concatenate([sample] * rows)
    if stacked.dtype.kind != "f":
        return stacked
    steps = np.linspace(0.0, 1.0, stacked.size).reshape(stacked.shape)
    return (stacked + steps).astype(stacked.dtype)


def _time_run(runner: Runner, tensors: Tensors, monotonic: Callable[[], float]) -> float:
    begin = monotonic()
    runner.run(tensors)
    return monotonic() - begin


def _proves_independent(runner: Runner) -> bool:
    """Return whether rows together give what they give one by one: not so for a model that looks across rows."""
    together = make_rows(runner.info.signature, ROWS)
    try:
        whole = runner.run(together)
        singles = [runner.run(_take_row(together, place)) for place in range(ROWS)]
    except ServingError:
        return False
    return all(_is_same(whole[name], [single[name] for single in singles]) for name in whole)


def _take_row(tensors: Tensors, place: int) -> Tensors:
    return {name: array[place : place + 1] for name, array in tensors.items()}


def _is_same(whole: Array, singles: list[Array]) -> bool:
    if whole.ndim == 0 or whole.shape[0] != ROWS:
        return False
    if any(single.shape != whole[:1].shape for single in singles):
        return False
    joined = np.concatenate(singles)
    if joined.dtype.kind != "f":
        return bool(np.array_equal(whole, joined))
    return bool(np.allclose(whole, joined, rtol=TOLERANCE_RELATIVE, atol=TOLERANCE_ABSOLUTE, equal_nan=True))

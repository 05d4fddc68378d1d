"""What a model of PyTorch takes and gives, found by running it: its files seldom say sizes.

An example is run as it is, then with an axis twice as long: what the model takes is free, what changes with it too.
Where there is no example, inputs are tried that the sizes of the model's own weights suggest.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from airgate_serving.errors import BadModelFile, ServingError
from airgate_serving.formats.pytorch_library import Call, Torch, compute, find_reason
from airgate_serving.formats.quiet import STDERR, STDOUT, hushed
from airgate_serving.tensors import ANY, Array, Signature, Tensors, TensorSpec, find_datatype

SIDES = (32, 28, 64, 224, 16, 8, 128, 256, 299, 384)  # pixels, or steps in time
MOST_TRIES = 64  # of inputs that nobody gave an example of
SAMPLE_ELEMENTS = 512  # what is larger is zeros in the signature, where the model takes those
HINT_EXAMPLE = (
    "Export it by torch.export or torch.jit.trace with an example, bundle one by torch.utils.bundled_inputs, or give "
    "SAMPLE in model.py."
)


@hushed(STDOUT)
@hushed(STDERR)
def describe(torch: Torch, call: Call, example: Tensors) -> Signature:
    """Return the signature of a model by an example, by name. Raises BadModelFile when the model does not take it."""
    try:
        first = {name: array[:1] if array.ndim else array for name, array in example.items()}
        base = compute(torch, call, first)
    except ServingError:
        raise
    except Exception:  # noqa: BLE001 - it may be made for as many rows as the example has
        first, base = example, _run_whole(torch, call, example)
    sizes = {name: list(array.shape) for name, array in first.items()}
    given = {name: list(array.shape) for name, array in base.items()}
    for group in list_groups(first):
        _free(group, sizes, given, base, _try(torch, call, widen(first, group)))
    samples = choose_samples(torch, call, first)
    inputs = tuple(_write_spec(name, array, sizes[name], samples[name]) for name, array in first.items())
    return Signature(inputs, tuple(_write_spec(name, array, given[name], None) for name, array in base.items()))


def _run_whole(torch: Torch, call: Call, example: Tensors) -> Tensors:
    try:
        return compute(torch, call, example)
    except ServingError:
        raise
    except Exception as error:
        raise BadModelFile(f"The model does not take its own example: {find_reason(error)}", HINT_EXAMPLE) from error


def list_groups(example: Tensors) -> Iterator[list[tuple[str, int]]]:
    """Yield which axes to lengthen together: all first ones, then those at the same place and of the same size."""
    ranked = {name: array.shape for name, array in example.items() if array.ndim}
    if ranked:
        yield [(name, 0) for name in ranked]
    for axis in range(1, max(map(len, ranked.values()), default=0)):
        sizes = sorted({shape[axis] for shape in ranked.values() if len(shape) > axis})
        for size in sizes:
            yield [(name, axis) for name, shape in ranked.items() if len(shape) > axis and shape[axis] == size]


def widen(example: Tensors, group: Sequence[tuple[str, int]]) -> Tensors:
    """Return an example with some axes twice as long."""
    axes = dict(group)
    return {
        name: np.concatenate([array, array], axes[name]) if name in axes else array for name, array in example.items()
    }


def _free(
    group: Sequence[tuple[str, int]],
    sizes: dict[str, list[int]],
    given: dict[str, list[int]],
    base: Tensors,
    wider: Tensors,
) -> None:
    """Mark as free what a longer example, if the model took it, shows to be so."""
    ranks, longer = ({name: array.ndim for name, array in found.items()} for found in (base, wider))
    if longer != ranks:
        return
    for name, axis in group:
        sizes[name][axis] = ANY
    for name, array in wider.items():
        changed = [axis for axis, size in enumerate(array.shape) if size != base[name].shape[axis]]
        for axis in changed:
            given[name][axis] = ANY


def _try(torch: Torch, call: Call, example: Tensors) -> Tensors:
    """Return what a model answers, or nothing where it does not take this."""
    try:
        return compute(torch, call, example)
    except Exception:  # noqa: BLE001 - whatever it says, this is not for it
        return {}


def choose_samples(torch: Torch, call: Call, example: Tensors) -> Tensors:
    """Return the example itself, or zeros of its shape where it is large and the model takes zeros."""
    zeros = {name: np.zeros_like(array) for name, array in example.items()}
    if all(array.size <= SAMPLE_ELEMENTS for array in example.values()) or not _try(torch, call, zeros):
        return example
    return zeros


def _write_spec(name: str, array: Array, shape: Sequence[int], sample: Array | None) -> TensorSpec:
    return TensorSpec(name, find_datatype(array.dtype), tuple(shape), None if sample is None else sample.tolist())


@hushed(STDOUT)
@hushed(STDERR)
def guess_example(torch: Torch, call: Call, names: Sequence[str], weights: Mapping[str, Any]) -> Tensors:
    """Return the first inputs that a model takes. Raises BadModelFile where none of those that were tried is."""
    candidates = list(list_candidates(weights))
    for tried in itertools.islice(itertools.product(candidates, repeat=len(names)), MOST_TRIES):
        example = dict(zip(names, tried, strict=True))
        if _try(torch, call, example):
            return example
    raise BadModelFile("The file does not say what sizes its inputs have, and none that was tried fits.", HINT_EXAMPLE)


def list_candidates(weights: Mapping[str, Any]) -> Iterator[Array]:
    """Yield inputs of one row that a model with such weights might take, the likeliest first."""
    shape = next((tuple(one.shape) for one in weights.values() if len(one.shape) > 1), ())
    width = shape[1] if shape else 1
    if len(shape) > 2:
        for side in SIDES:
            yield np.zeros((1, width, *[side] * (len(shape) - 2)), np.float32)
        return
    yield np.zeros((1, width), np.float32)
    yield np.zeros((1, 2), np.int64)
    yield np.zeros((1, 2, width), np.float32)
    yield np.zeros((1,), np.float32)

"""What boosted trees of every maker share: columns or a matrix in, scores out, and what the scores mean."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from airgate_serving.formats.interface import PREDICTED, PROBABILITIES
from airgate_serving.tensors import ANY, DATATYPES, Array, Scalar, Signature, Tensors, TensorSpec

MATRIX = "X"
HALF = 0.5  # a probability over this one means the second of two classes


class Meaning(StrEnum):
    """What the library's scores are."""

    PROBABILITIES = "probabilities"  # one a class, or of the second of two
    LABELS = "labels"
    NUMBERS = "numbers"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that trees were grown on. `choices` are its texts, each standing for its place in the list."""

    name: str
    usual: float = 0.0
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trees:
    """What a file of trees says of itself: `classes` for a classifier, else the number of `targets`."""

    columns: tuple[Column, ...]
    is_named: bool
    datatype: str
    meaning: Meaning
    task: str
    classes: int = 0
    targets: int = 1

    def describe(self) -> Signature:
        """Return the signature."""
        return Signature(self._describe_inputs(), self._describe_outputs(), self.task)

    def _describe_inputs(self) -> tuple[TensorSpec, ...]:
        if self.is_named:
            return tuple(self._describe_column(column) for column in self.columns)
        row = [column.usual for column in self.columns]
        return (TensorSpec(MATRIX, self.datatype, (ANY, len(row)), sample=[row]),)

    def _describe_column(self, column: Column) -> TensorSpec:
        if column.choices:
            return TensorSpec(column.name, "BYTES", (ANY,), sample=[column.choices[0]], values=column.choices)
        return TensorSpec(column.name, self.datatype, (ANY,), sample=[column.usual])

    def _describe_outputs(self) -> tuple[TensorSpec, ...]:
        if self.meaning is Meaning.NUMBERS:
            shape = (ANY,) if self.targets == 1 else (ANY, self.targets)
            return (TensorSpec(PREDICTED, self.datatype, shape),)
        labels: tuple[Scalar, ...] = tuple(range(self.classes))
        predicted = TensorSpec(PREDICTED, "INT64", (ANY,), values=labels)
        if self.meaning is Meaning.LABELS:
            return (predicted,)
        return (predicted, TensorSpec(PROBABILITIES, self.datatype, (ANY, self.classes), values=labels))


def make_matrix(inputs: Tensors, trees: Trees) -> Array:
    """Return the inputs as the one matrix that trees read; a text that was never seen is a missing value."""
    if not trees.is_named:
        return inputs[MATRIX]
    dtype = DATATYPES[trees.datatype]
    return np.column_stack([_read_column(inputs[column.name].reshape(-1), column, dtype) for column in trees.columns])


def _read_column(values: Array, column: Column, dtype: np.dtype[np.generic]) -> Array:
    if not column.choices:
        return values
    places: Mapping[str, float] = {text: float(place) for place, text in enumerate(column.choices)}
    return np.array([places.get(str(value), np.nan) for value in values], dtype=dtype)


def read_scores(scores: Array, trees: Trees) -> Tensors:
    """Return the outputs that the scores mean."""
    if trees.meaning is Meaning.NUMBERS:
        return {PREDICTED: scores}
    if trees.meaning is Meaning.LABELS:
        return {PREDICTED: scores.astype(np.int64)}
    if scores.ndim == 1:
        chosen = (scores > np.array(HALF, dtype=scores.dtype)).astype(np.int64)
        return {PREDICTED: chosen, PROBABILITIES: np.column_stack([1 - scores, scores])}
    return {PREDICTED: scores.argmax(axis=1).astype(np.int64), PROBABILITIES: scores}


def name_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """Return columns of these names."""
    return tuple(Column(str(name)) for name in names)

"""Tensors and signatures: what all doors and all formats agree on.

A tensor is a NumPy array under a name. Text travels as an object array of `str` (datatype BYTES in Open Inference).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

DATATYPES: dict[str, np.dtype[np.generic]] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype(np.uint8),
    "UINT16": np.dtype(np.uint16),
    "UINT32": np.dtype(np.uint32),
    "UINT64": np.dtype(np.uint64),
    "INT8": np.dtype(np.int8),
    "INT16": np.dtype(np.int16),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
    "FP16": np.dtype(np.float16),
    "FP32": np.dtype(np.float32),
    "FP64": np.dtype(np.float64),
    "BYTES": np.dtype(object),
}
NAMES = {dtype: name for name, dtype in DATATYPES.items()}
ANY = -1  # a dimension of any size

Array = NDArray[np.generic]
Tensors = dict[str, Array]
Scalar = str | int | float | bool
"""An element as JSON knows it."""


class JsonText(str):
    """A text of a tensor that is JSON: what asks for JSON is given what the text says."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output: `shape` has `ANY` where the size is free; `sample` is a whole tensor as nested lists.

    `schema` is there where each text of a BYTES tensor is JSON (a map, a sequence, an optional value): its JSON Schema,
    whose title says in words what it is. nullable: a null is taken for a text, as the empty one.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    sample: object = None
    values: tuple[Scalar, ...] = ()  # the possible values, where the model knows them
    schema: dict[str, Any] | None = None
    nullable: bool = False

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The NumPy type of its arrays."""
        return DATATYPES[self.datatype]


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model takes and gives. `task` is classification, regression, clustering or empty for unknown."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    task: str = ""
    input_by_name: dict[str, TensorSpec] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Index the inputs by name, once, for the request path."""
        object.__setattr__(self, "input_by_name", {spec.name: spec for spec in self.inputs})


def find_datatype(dtype: np.dtype[np.generic]) -> str:
    """Return the Open Inference name of a NumPy type; text of any width is BYTES. Raises KeyError for others."""
    return NAMES.get(dtype) or ("BYTES" if dtype.kind in "OUS" else NAMES[dtype.newbyteorder("=")])


def make_sample(datatype: str, shape: tuple[int, ...]) -> object:
    """Return a tensor of zeros (or of the text "a") as nested lists, free dimensions taken as 1."""
    fixed = tuple(1 if size == ANY else size for size in shape)
    filler: object = "a" if datatype == "BYTES" else False if datatype == "BOOL" else 0
    return np.full(fixed, filler, dtype=DATATYPES[datatype]).tolist()


def explain_shape(shape: tuple[int, ...]) -> str:
    """Return a shape for a sentence, such as `[-1, 64]`."""
    return "[" + ", ".join(str(size) for size in shape) + "]"

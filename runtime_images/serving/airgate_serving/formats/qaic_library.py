"""Qualcomm's Python runtime of the Platform SDK, behind one class: the only file that knows `qaicrt`.

The SDK is the operator's own; its libraries lie below /opt/qti-aic. How its parts are put together follows Qualcomm's
own open programs for the card (quic/efficient-transformers) and its runtime's description:
https://docs.qualcomm.com/bundle/publicresource/80-99100-3/topics/index_runtime.md
"""

import importlib
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from airgate_serving.errors import MissingLibrary
from airgate_serving.tensors import DATATYPES, Array, Tensors

PROGRAM = "programqpc.bin"
TYPES = {
    "FLOAT_TYPE": "FP32",
    "FLOAT_16_TYPE": "FP16",
    "INT8_Q_TYPE": "INT8",
    "UINT8_Q_TYPE": "UINT8",
    "INT16_Q_TYPE": "INT16",
    "INT32_Q_TYPE": "INT32",
    "INT32_I_TYPE": "INT32",
    "INT64_I_TYPE": "INT64",
    "INT8_TYPE": "INT8",
}
"""The datatypes of the card by the names that the SDK's QAicApi_pb2 gives their numbers. BF16 has no counterpart."""
RETRY_MS = 60_000  # how long a program may wait for the card to take it


@dataclass(frozen=True, slots=True)
class Binding:
    """One input or output of a program, at its place among the buffers; an empty datatype has no counterpart here."""

    name: str
    place: int
    is_input: bool
    datatype: str
    shape: tuple[int, ...]
    bytes: int


class QaicError(Exception):
    """Qualcomm's runtime did not do what it was asked."""


class Program:
    """A compiled program: described without a card, run once it was activated on some."""

    def __init__(self, folder: Path, sdk: Path) -> None:
        """Open the program in a folder. Raises MissingLibrary without the SDK, QaicError when it is no program."""
        self._library, self._messages = import_sdk(sdk)
        self.is_simulated = bool(getattr(self._library, "SIMULATED", False))
        try:
            self._qpc = self._library.Qpc(str(folder))
        except Exception as error:
            raise QaicError(f"{type(error).__name__}: {str(error)[:200]}") from error
        self.bindings = self._read_bindings()

    def _read_bindings(self) -> tuple[Binding, ...]:
        status, content = self._qpc.getIoDescriptor()
        self._check(status, "describe its inputs and outputs")
        description = self._messages.IoDesc()
        description.ParseFromString(bytes(content))
        found = [self._read_binding(one) for one in description.selected_set.bindings]
        return tuple(sorted(found, key=lambda one: one.place))

    def _read_binding(self, one: Any) -> Binding:
        types = {getattr(self._messages, name, None): datatype for name, datatype in TYPES.items()}
        is_input = one.dir == self._messages.BUFFER_IO_TYPE_INPUT
        return Binding(one.name, one.index, is_input, types.get(one.type, ""), tuple(one.dims), one.size)

    def activate(self, qids: Sequence[int]) -> None:
        """Load the program onto these cards, one or the several that it was compiled for. Raises QaicError."""
        library = self._library
        try:
            self._context = library.Context(library.QIDList(list(qids)))
            self._queue = library.Queue(self._context, qids[0])
            program = library.Program(self._context, None, self._qpc, self._make_properties(qids))
            self._check(program.load(), "load it")
            self._check(program.activate(), "activate it")
            self._execution = library.ExecObj(self._context, program)
        except QaicError:
            raise
        except Exception as error:
            raise QaicError(f"{type(error).__name__}: {str(error)[:200]}") from error
        self._program = program

    def _make_properties(self, qids: Sequence[int]) -> Any:
        properties = self._library.QAicProgramProperties()
        properties.SubmitRetryTimeoutMs = RETRY_MS
        if len(qids) > 1:
            properties.devMapping = ":".join(map(str, qids))
        return properties

    def run(self, inputs: Tensors) -> Tensors:
        """Return the outputs for inputs of exactly the program's shapes and types. Raises QaicError."""
        library, execution = self._library, self._execution
        buffers = [self._make_buffer(one, inputs) for one in self.bindings]
        sizes = [(_find_width(one), list(one.shape)) for one in self.bindings]
        self._check(execution.setData(buffers, library.BufferDimensionsVecRef(sizes)), "take the inputs")
        self._check(self._queue.enqueue(execution), "queue the run")
        self._check(execution.waitForCompletion(), "finish the run")
        status, answers = execution.getData()
        self._check(status, "give the outputs")
        return {one.name: _read_buffer(one, answers[one.place]) for one in self.bindings if not one.is_input}

    def _make_buffer(self, one: Binding, inputs: Tensors) -> Any:
        return self._library.QBuffer(inputs[one.name].tobytes() if one.is_input else bytes(one.bytes))

    def _check(self, status: Any, what: str) -> None:
        if status is not None and status != self._library.QStatus.QS_SUCCESS:
            raise QaicError(f"it did not {what} ({status})")


def import_sdk(sdk: Path) -> tuple[Any, Any]:
    """Return the SDK's runtime and its messages. Raises MissingLibrary with one sentence."""
    places = (sdk / "dev/lib" / platform.machine(), sdk / "dev/python")
    sys.path += [str(place) for place in places if str(place) not in sys.path]
    try:
        return importlib.import_module("qaicrt"), importlib.import_module("QAicApi_pb2")
    except ImportError as error:
        raise MissingLibrary(
            f"A program for Qualcomm cards needs qaicrt of Qualcomm's Platform SDK below {sdk}, which this runtime "
            f"does not have ({str(error)[:120]}).",
            "Choose a runtime whose image has the Platform SDK for this Python, or upload the ONNX model of it.",
        ) from error


def _find_width(one: Binding) -> int:
    return _find_dtype(one).itemsize


def _find_dtype(one: Binding) -> np.dtype[np.generic]:
    return DATATYPES[one.datatype]


def _read_buffer(one: Binding, content: Any) -> Array:
    return np.frombuffer(bytes(content), dtype=_find_dtype(one)).reshape(one.shape)

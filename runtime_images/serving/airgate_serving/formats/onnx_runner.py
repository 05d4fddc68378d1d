"""A session of ONNX Runtime as a model: its signature, and runs of it."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from airgate_serving.errors import ModelFailed, ModelRefused
from airgate_serving.formats.interface import Library, ModelInfo
from airgate_serving.formats.onnx_graph import GraphFacts
from airgate_serving.formats.onnx_inputs import RANKS, describe_input, read_input
from airgate_serving.formats.onnx_outputs import choose_converters, describe_outputs
from airgate_serving.formats.onnx_rows import free_rows, join_rows, split_rows
from airgate_serving.formats.onnx_types import find_onnx_datatype
from airgate_serving.tensors import DATATYPES, Array, Signature, Tensors, TensorSpec

PROVIDER_CPU = "CPUExecutionProvider"


class OnnxRunner:
    """A session with its names looked up once."""

    def __init__(self, session: Any, libraries: tuple[Library, ...], facts: GraphFacts) -> None:
        """Read the signature and try a sample, to learn what maps and sequences come out."""
        self._run: Callable[[list[str], dict[str, Any]], list[Any]] = session.run
        self._names = [output.name for output in session.get_outputs()]
        nodes = session.get_inputs()
        self._nested = [read_input(node, facts) for node in nodes if not find_onnx_datatype(node.type)]
        self._converters = choose_converters(session.get_outputs())
        inputs, trial = self._find_sample(nodes, facts)
        outputs, task = describe_outputs(session.get_outputs(), trial)
        outputs = tuple(map(free_rows, outputs)) if self._nested else outputs
        self._refusals = _find_refusals()
        self.info = ModelInfo(
            Signature(inputs, outputs, task),
            platform="onnxruntime_onnx",
            engine="ONNX Runtime",
            device="CPU" if session.get_providers()[0] == PROVIDER_CPU else "GPU",
            libraries=libraries,
        )

    def run(self, inputs: Tensors) -> Tensors:
        """Return the outputs by name. Raises ModelRefused or ModelFailed; BadRequest for what is not a row's JSON."""
        if not self._nested:
            return self._run_once(inputs)
        return join_rows([self._run_once(row) for row in split_rows(inputs, self._nested)])

    def _run_once(self, inputs: dict[str, Any]) -> Tensors:
        try:
            answers = self._run(self._names, inputs)
        except self._refusals as error:
            raise ModelRefused(f"The model refused the values: {first_line(error)}") from error
        except Exception as error:
            raise ModelFailed(f"The model failed: {first_line(error)}") from error
        if not self._converters:
            return dict(zip(self._names, answers, strict=True))
        return {name: self._convert(name, value) for name, value in zip(self._names, answers, strict=True)}

    def _convert(self, name: str, value: Any) -> Array:
        converter = self._converters.get(name)
        return converter(value) if converter else value

    def _find_sample(self, nodes: Sequence[Any], facts: GraphFacts) -> tuple[tuple[TensorSpec, ...], dict[str, Any]]:
        """Return the inputs with the first sample that the model takes, and what it gives."""
        ranks = RANKS if any(one.shape is None for one in self._nested) else RANKS[:1]
        for rank in ranks:
            inputs = tuple(describe_input(node, facts, rank) for node in nodes)
            trial = self._try_sample(inputs)
            if trial:
                return inputs, trial
        return tuple(describe_input(node, facts) for node in nodes), {}

    def _try_sample(self, inputs: tuple[TensorSpec, ...]) -> dict[str, Any]:
        """Return what a sample gives, raw, or nothing when the model does not take the sample."""
        tensors: dict[str, Any] = {spec.name: _make_array(spec) for spec in inputs}
        try:
            row = next(split_rows(tensors, self._nested)) if self._nested else tensors
            return dict(zip(self._names, self._run(self._names, row), strict=True))
        except Exception:  # noqa: BLE001 - a sample of zeros need not fit; the signature then says less
            return {}


def _make_array(spec: TensorSpec) -> Array:
    return np.array(spec.sample, dtype=DATATYPES[spec.datatype])


def _find_refusals() -> tuple[type[Exception], ...]:
    """Return the exceptions by which ONNX Runtime says that the values, not the model, are wrong."""
    from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

    return (InvalidArgument, ValueError, TypeError)


def first_line(error: BaseException) -> str:
    """Return what a person should read of an error of the library."""
    text = str(error).strip().splitlines()
    return text[0][:300] if text else type(error).__name__

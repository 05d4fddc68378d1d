"""What a model is to the rest of the runtime."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from urllib.parse import quote

from airgate_kit import names
from airgate_serving.tensors import Signature, Tensors

PREDICT = "predict"  # the function that answers where none is named
PREDICTED = "PredictedValue"
PROBABILITIES = "Probabilities"
"""What the outputs of models that have no names for theirs are called."""
MOST_NAMED = 8  # functions in a sentence


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a model may use the machine: `threads` for one run; `nvidia` when a card of that make was granted.

    qids: the Qualcomm cards that were. qaic_sdk: where Qualcomm's Platform SDK lies. scratch: a folder to write in,
    where there is one. describe: only the signature is wanted, so a card need not be there. scanned: False for a file
    that an administrator has allowed by its digest: no name in it is judged, and the lock alone holds it.
    """

    threads: int = 1
    nvidia: bool = False
    qids: tuple[int, ...] = ()
    qaic_sdk: str = names.QAIC_SDK
    scratch: Path | None = None
    describe: bool = False
    scanned: bool = True


@dataclass(frozen=True, slots=True)
class Library:
    """A library a file was made with; an empty version is an unknown one."""

    name: str
    in_file: str
    installed: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known of a loaded model besides how to run it."""

    signature: Signature
    platform: str  # as Open Inference names it, for example onnxruntime_onnx
    engine: str  # as a person names it, for example ONNX Runtime
    device: str  # CPU or GPU: where it really computes
    libraries: tuple[Library, ...] = ()
    functions: tuple[str, ...] = field(default=("predict",))
    is_script: bool = False  # it has functions and no tensors
    sample: Any = None  # a script's own example of its arguments
    further: Mapping[str, Signature] = field(default_factory=dict)  # of functions of tensors beside predict, by name
    left_out: tuple[str, ...] = ()  # why a function of the file cannot be called, a sentence for each

    def list_calls(self) -> str:
        """Return how the functions are called, for a sentence."""
        return f"POST {', '.join(map(make_path, self.functions[:MOST_NAMED]))}"


def make_path(function: str) -> str:
    """Return the path of a function. A slash in its name stays one: gateways refuse, or change, an escaped one."""
    return f"/{quote(function)}"


class Runner(Protocol):
    """A loaded model. Calls may come from any one thread at a time."""

    info: ModelInfo

    def run(self, inputs: Tensors) -> Tensors:
        """Return the outputs by name. Raises ModelRefused for values the model does not take, else ModelFailed."""


@runtime_checkable
class Several(Runner, Protocol):
    """A loaded model with further functions of tensors, each a runner of its own by name."""

    further: Mapping[str, Runner]


@runtime_checkable
class Script(Runner, Protocol):
    """A loaded script: its functions are called by name, with whatever JSON came in."""

    def call(self, function: str, args: Any) -> Any:
        """Return what the function answers. Raises UnknownFunction, ModelRefused or ModelFailed."""

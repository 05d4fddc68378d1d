"""PyTorch itself: brought in quietly, with its threads, on the device that is there; and its functions as models."""

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from airgate_serving.errors import BadModelFile, MissingLibrary, ModelFailed, ModelRefused
from airgate_serving.formats.interface import Library, LoadOptions, ModelInfo
from airgate_serving.formats.quiet import flush, hushed, keeping_files_in
from airgate_serving.formats.versions import find_installed
from airgate_serving.tensors import Array, Signature, Tensors

ENGINE, LIBRARY = "PyTorch", "torch"
RUNTIME = "PyTorch with Python 3.11"  # as the appliance's own runtime definition is called
DATATYPE_BY_TYPE = {
    **{f"int{bits}": f"INT{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"UINT{bits}" for bits in (8, 16, 32, 64)},
    **{"float16": "FP16", "float32": "FP32", "float64": "FP64", "bool": "BOOL"},
    "bfloat16": "FP32",  # Open Inference and NumPy have none: it travels as what it is cut from
}
ERROR = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Interrupt): (.+)$", re.MULTILINE)
HINT_OUTPUTS = "Have it answer with a tensor, a tuple or list of tensors, or a dict of tensors by name."


def require_library(what: str, version: str) -> None:
    """Raise MissingLibrary, naming the runtime that fits, where PyTorch is not installed here.

    what: the file, for the sentence. version: of PyTorch, as the file says; empty for none.
    """
    if find_installed(LIBRARY):
        return
    made = f", saved by {ENGINE} {version}" if version else ""
    raise MissingLibrary(
        f"The file is {what}{made}; this runtime has no {ENGINE}.",
        f"Choose a runtime with {ENGINE}, such as '{RUNTIME}' (the image serving-pytorch), or export the model to "
        "ONNX.",
        {LIBRARY: version},
    )


@dataclass(frozen=True, slots=True)
class Torch:
    """The library, and the device it computes on as it calls it: cuda or cpu."""

    library: Any
    device: str

    def make_tensor(self, array: Array, dtype: Any = None) -> Any:
        """Return an array as a tensor on the device."""
        own = array if array.flags.writeable and array.flags.c_contiguous else array.copy()
        return self.library.from_numpy(own).to(self.device, dtype)


def bring_library(options: LoadOptions) -> Torch:
    """Return PyTorch, set up for this process: on a card where one was granted and it finds it, else on the CPU."""
    with hushed(), keeping_files_in(options.scratch or Path()):
        import torch
    torch.set_num_threads(options.threads)
    with contextlib.suppress(RuntimeError):  # it may be said once in a process
        torch.set_num_interop_threads(1)
    return Torch(torch, "cuda" if options.nvidia and torch.cuda.is_available() else "cpu")


Call = Callable[[Mapping[str, Any]], Any]
"""A model as a function of tensors by name."""


class TorchRunner:
    """A function of PyTorch with its signature: arrays in, arrays out, by name."""

    def __init__(self, torch: Torch, call: Call, signature: Signature, kind: str, libraries: Sequence[Library]) -> None:
        """Take a function of tensors by name. kind: what Open Inference calls the platform."""
        self._torch, self._call = torch, call
        self.info = ModelInfo(
            signature,
            platform=kind,
            engine=ENGINE,
            device="GPU" if torch.device == "cuda" else "CPU",
            libraries=(*libraries, Library("numpy", "", np.__version__)),
        )

    def run(self, inputs: Tensors) -> Tensors:
        """Return the outputs by name. Raises ModelRefused or ModelFailed."""
        try:
            return self._compute(inputs)
        except BadModelFile as error:
            raise ModelFailed(error.sentence, error.hint) from error
        except Exception as error:
            refused = isinstance(error, _REFUSALS) and not is_of_device(self._torch, error)
            words = "refused the values" if refused else "failed"
            raise (ModelRefused if refused else ModelFailed)(f"The model {words}: {find_reason(error)}") from error

    def _compute(self, inputs: Tensors) -> Tensors:
        try:
            return compute(self._torch, self._call, inputs)
        finally:
            flush()  # what TorchScript prints waits in C++ otherwise


_REFUSALS = (RuntimeError, ValueError, TypeError, IndexError)  # PyTorch's own for shapes and types that do not fit


def compute(torch: Torch, call: Call, inputs: Tensors) -> Tensors:
    """Return what a function answers, as arrays by name. Raises whatever it raises, or BadModelFile."""
    with torch.library.inference_mode():
        answer = call({name: torch.make_tensor(array) for name, array in inputs.items()})
        return {name: read_tensor(torch, name, value) for name, value in name_outputs(answer).items()}


def name_outputs(answer: Any) -> dict[str, Any]:
    """Return an answer's parts by name: a dict's keys, a named tuple's fields, else output0 and so on."""
    if isinstance(answer, Mapping):
        return {str(name): value for name, value in answer.items()}
    if isinstance(answer, (tuple, list)):
        names = getattr(answer, "_fields", None) or [f"output{place}" for place in range(len(answer))]
        return dict(zip(names, answer, strict=True))
    return {"output0": answer}


def read_tensor(torch: Torch, name: str, value: Any) -> Array:
    """Return a tensor as an array. Raises BadModelFile for anything else."""
    if not isinstance(value, torch.library.Tensor):
        raise BadModelFile(f"The model's output {name!r} is a {type(value).__name__}, not a tensor.", HINT_OUTPUTS)
    if str(value.dtype).removeprefix("torch.") not in DATATYPE_BY_TYPE or value.layout != torch.library.strided:
        raise BadModelFile(
            f"The model's output {name!r} is of the type {value.dtype}, {value.layout}, which Open Inference has no "
            "counterpart of.",
            "Have it answer with dense tensors of numbers.",
        )
    plain = value.float() if value.dtype == torch.library.bfloat16 else value
    found: Array = plain.detach().cpu().numpy()
    return found


_OF_DEVICE = ("CUDA error", "DefaultCPUAllocator")


def is_of_device(torch: Torch, error: BaseException) -> bool:
    """Return whether an error is the card's or the memory's, not the request's."""
    return isinstance(error, torch.library.OutOfMemoryError) or any(word in str(error) for word in _OF_DEVICE)


def find_reason(error: BaseException) -> str:
    """Return the line of an error that says what is wrong: TorchScript puts its own traceback before it."""
    text = str(error)
    found = ERROR.findall(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return str((found[-1:] or lines or [type(error).__name__])[0])[:300]

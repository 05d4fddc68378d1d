"""TensorFlow itself: brought in quietly, with its threads, on the device that is there; and its functions as models."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from airgate_serving.errors import BadModelFile, MissingLibrary, ModelFailed, ModelRefused
from airgate_serving.formats.interface import Library, LoadOptions, ModelInfo
from airgate_serving.formats.quiet import hushed, keeping_files_in
from airgate_serving.formats.versions import MAKERS, find_installed
from airgate_serving.tensors import ANY, DATATYPES, Array, Signature, Tensors, TensorSpec, make_sample

ENGINE = "TensorFlow"
RUNTIME = "TensorFlow CPU with Python 3.11"  # as the appliance's own runtime definition is called
DATATYPE_BY_TYPE = {"float16": "FP16", "float32": "FP32", "float64": "FP64", "bool": "BOOL", "string": "BYTES"} | {
    f"{sign}int{bits}": f"{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
NODE = "[[{{node"  # how the line begins that names the place in a graph


def require_library(name: str, what: str, version: str) -> None:
    """Raise MissingLibrary, naming the runtime that fits, where `name` (keras or tensorflow) is not installed here.

    what: the file, for the sentence. version: the one that it says; empty for none.
    """
    if find_installed(name):
        return
    maker = MAKERS[name]
    raise MissingLibrary(
        f"The file is {what}, saved by {maker} {version}".rstrip() + f"; this runtime has no {maker}.",
        f"Choose a runtime with {maker}, such as '{RUNTIME}' (the image serving-tensorflow), or export the model to "
        "ONNX.",
        {name: version},
    )


def bring_library(options: LoadOptions) -> tuple[Any, str]:
    """Return TensorFlow, set up for this process, and the device that it computes on: GPU or CPU."""
    with hushed(), keeping_files_in(options.scratch or Path()):
        import tensorflow
    settings = tensorflow.config.threading
    for name in ("intra", "inter"):
        if getattr(settings, f"get_{name}_op_parallelism_threads")() != options.threads:
            getattr(settings, f"set_{name}_op_parallelism_threads")(options.threads)
    cards = tensorflow.config.list_physical_devices("GPU") if options.nvidia else []
    for card in cards:
        tensorflow.config.experimental.set_memory_growth(card, True)
    return tensorflow, "GPU" if cards else "CPU"


def describe(name: str, spec: Any, is_input: bool) -> TensorSpec:
    """Return a tensor of TensorFlow's or Keras' own description in our words. Raises BadModelFile for other kinds.

    Every size that is not fixed is free; where not even the number of axes is known, one is taken.
    """
    kind = getattr(spec.dtype, "name", str(spec.dtype))
    datatype = DATATYPE_BY_TYPE.get(kind)
    if datatype is None or getattr(spec, "sparse", False) or getattr(spec, "ragged", False):
        raise BadModelFile(
            f"{name!r} is of the type {kind if datatype is None else 'sparse or ragged'}, which Open Inference has no "
            "counterpart of.",
            "Export the model with dense tensors of numbers or texts.",
        )
    shape = tuple(ANY if size is None else int(size) for size in _list_sizes(spec.shape))
    return TensorSpec(name, datatype, shape, make_sample(datatype, shape) if is_input else None)


def _list_sizes(shape: Any) -> Sequence[int | None]:
    """Return a shape of either library as a list."""
    if getattr(shape, "rank", 0) is None or shape is None:
        return (None,)
    return list(shape)


class FunctionRunner:
    """A function of TensorFlow with its signature: arrays in, arrays out, by name."""

    def __init__(
        self,
        library: tuple[Any, str],
        function: Callable[..., Mapping[str, Any]],
        signature: Signature,
        libraries: Sequence[Library],
        model: tuple[str, Any],
    ) -> None:
        """Take a function of tensors by name that returns tensors by name.

        model: its kind, as Open Inference names it, and what holds the function's variables as long as it is called.
        """
        platform, self.model = model
        tensorflow, device = library
        self._function, self._make_tensor = function, tensorflow.convert_to_tensor
        self._refusals = (tensorflow.errors.InvalidArgumentError, ValueError, TypeError)
        self._texts = {spec.name for spec in signature.outputs if spec.datatype == "BYTES"}
        self.info = ModelInfo(
            signature,
            platform=platform,
            engine=ENGINE,
            device=device,
            libraries=(*libraries, Library("numpy", "", np.__version__)),
        )

    def run(self, inputs: Tensors) -> Tensors:
        """Return the outputs by name. Raises ModelRefused or ModelFailed."""
        make = self._make_tensor
        try:
            answers = self._function(**{name: make(array) for name, array in inputs.items()})
            return {name: self._read(name, answer.numpy()) for name, answer in answers.items()}
        except self._refusals as error:
            raise ModelRefused(f"The model refused the values: {find_reason(error)}") from error
        except Exception as error:
            raise ModelFailed(f"The model failed: {type(error).__name__}: {find_reason(error)}") from error

    def _read(self, name: str, value: Any) -> Array:
        """Return a tensor as we have it: TensorFlow's texts are bytes."""
        if name not in self._texts:
            return np.asarray(value)
        texts = np.array([text.decode("utf-8", "replace") for text in np.ravel(value)], dtype=DATATYPES["BYTES"])
        return texts.reshape(np.shape(value))


def find_reason(error: BaseException) -> str:
    """Return the line of an error that says what is wrong: of a graph's the one above the line that names its node."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    above = [line for line, after in itertools.pairwise(lines) if after.startswith(NODE)]
    return (above or lines or [type(error).__name__])[0][:300]

"""TorchScript: a program with its weights, and what it says of its inputs.

Its code is text that looks like Python (https://docs.pytorch.org/docs/stable/jit.html). Some operations of PyTorch
reach out of a model: they are refused by name before the file is opened, and once more by PyTorch's own list of what
a model uses. The lock holds what neither sees.
"""

import io
import pickle
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from airgate_serving.errors import BadModelFile, DangerousModelFile, ServingError
from airgate_serving.formats.interface import Library, LoadOptions
from airgate_serving.formats.pytorch_file import HINT_EXPORT, ShapeReader
from airgate_serving.formats.pytorch_library import Torch, TorchRunner, find_reason
from airgate_serving.formats.pytorch_trial import HINT_EXAMPLE, describe, guess_example
from airgate_serving.formats.quiet import hushed
from airgate_serving.tensors import Tensors

PLATFORM = "pytorch_torchscript"
TRACED, FORWARD = "traced_inputs.pkl", "forward"
MOST_CODE = 64 * 1024**2  # bytes
MOST_TRACED = 64 * 1024**2  # elements
SPACES = frozenset({"aten", "prim", "quantized", "sparse", "rnn"})  # of operations, and of classes
REACH_OUT = frozenset({"from_file", "save", "rpc_async", "rpc_sync", "rpc_remote", "PythonOp", "IgnoredPythonOp"})
CALLS = re.compile(rb"\b(?:torch|aten)\s*\.\s*(from_file|save)\b|\b(rpc_async|rpc_sync|rpc_remote)\b")
FOREIGN = re.compile(rb"(?<![\w.])(?:torch\s*\.\s*)?ops\s*\.\s*(\w+)|torch\s*\.\s*classes\s*\.\s*(\w+)")
HINT_OUT = "Export only what answers: reading and writing files belongs before the model, or into a script."
NUMBERS = {"Float": "float32", "Double": "float64", "Half": "float16", "Bool": "bool", "Byte": "uint8"} | {
    **{"Char": "int8", "Short": "int16", "Int": "int32", "Long": "int64"},
}


def load(path: Path, torch: Torch, libraries: tuple[Library, ...], options: LoadOptions) -> TorchRunner:
    """Return the model in a file. Raises BadModelFile or one of its kin with one sentence."""
    model = open_model(path, torch)
    if options.scanned:
        require_known(torch.library.jit.export_opnames(model))
    names = name_inputs(model)

    def call(tensors: Mapping[str, Any]) -> Any:
        return model(*[tensors[name] for name in names])

    example = find_example(path, model, names) or guess_example(torch, call, names, model.state_dict())
    return TorchRunner(torch, call, describe(torch, call, example), PLATFORM, libraries)


def require_calm(path: Path) -> None:
    """Raise DangerousModelFile, naming the operation, where the code in a file speaks of one that reaches out."""
    for code in read_code(path):
        found = CALLS.search(code)
        if found:
            raise _refuse((found[1] or found[2]).decode())
        for match in FOREIGN.finditer(code):
            space = (match[1] or match[2]).decode()
            if space not in SPACES:
                raise _refuse(f"of {space}")


def require_known(operations: Iterable[str]) -> None:
    """Raise DangerousModelFile for the first operation, such as aten::save, that reaches out or is of elsewhere."""
    for operation in sorted(operations):
        space, _, name = operation.partition("::")
        if space not in SPACES or name.partition(".")[0] in REACH_OUT:
            raise _refuse(operation)


def _refuse(operation: str) -> DangerousModelFile:
    return DangerousModelFile(
        f"The model uses the operation {operation[:60]}, which reaches out of it, so it was not opened.",
        HINT_OUT,
    )


def read_code(path: Path) -> list[bytes]:
    """Return the code in a file. Raises BadModelFile when it is too much."""
    with zipfile.ZipFile(path) as archive:
        places = [one for one in archive.infolist() if "/code/" in one.filename and one.filename.endswith(".py")]
        if sum(place.file_size for place in places) > MOST_CODE:
            raise BadModelFile(f"The model's code has more than {MOST_CODE} bytes.", HINT_EXPORT)
        return [archive.read(place) for place in places]


def open_model(path: Path, torch: Torch) -> Any:
    """Return what PyTorch opens, ready to answer. Raises BadModelFile."""
    try:
        with hushed():
            model = torch.library.jit.load(str(path), map_location=torch.device)
        model.eval()
    except Exception as error:
        raise BadModelFile(f"PyTorch cannot open the model: {find_reason(error)}", HINT_EXPORT) from error
    if not hasattr(model, FORWARD):
        raise BadModelFile("The model has no method forward.", HINT_EXPORT)
    return model


def name_inputs(model: Any) -> list[str]:
    """Return the names of the inputs that a model must have. Raises BadModelFile for one that is no tensor."""
    found = []
    for argument in model.forward.schema.arguments[1:]:
        if argument.has_default_value():
            continue
        if str(argument.type) not in ("Tensor", "Optional[Tensor]"):
            raise BadModelFile(
                f"The model's input {argument.name!r} is of the type {argument.type}, not a tensor.",
                "Give it a default, or wrap the model in one whose forward takes tensors alone.",
            )
        found.append(argument.name)
    return found


def find_example(path: Path, model: Any, names: list[str]) -> Tensors:
    """Return the inputs that a file has an example of, bundled or traced; nothing where it has none."""
    if hasattr(model, "get_all_bundled_inputs"):
        return read_bundled(model, names)
    shapes = read_traced(path)
    if len(shapes) != len(names) or sum(int(np.prod(shape)) for _, shape in shapes) > MOST_TRACED:
        return {}
    return {name: np.zeros(shape, kind) for name, (kind, shape) in zip(names, shapes, strict=True)}


def read_bundled(model: Any, names: list[str]) -> Tensors:
    """Return the first of a model's bundled inputs. Raises BadModelFile when they are not tensors."""
    try:
        values = model.get_all_bundled_inputs()[0]
        return {name: value.detach().cpu().numpy() for name, value in zip(names, values, strict=False)}
    except ServingError:
        raise
    except Exception as error:
        raise BadModelFile(f"The model's bundled inputs are no tensors: {find_reason(error)}", HINT_EXAMPLE) from error


def read_traced(path: Path) -> list[tuple[str, tuple[int, ...]]]:
    """Return type and sizes of the inputs that a model was traced with, as it keeps them; nothing otherwise."""
    with zipfile.ZipFile(path) as archive:
        place = next((name for name in archive.namelist() if name.partition("/")[2] == TRACED), "")
        content = archive.read(place) if place else b""
    try:
        found = ShapeReader(io.BytesIO(content)).load()[FORWARD]
        return [(NUMBERS[kind], tuple(int(size) for size in shape)) for kind, shape in found]
    except (pickle.UnpicklingError, EOFError, KeyError, ValueError, TypeError, IndexError, AttributeError):
        return []

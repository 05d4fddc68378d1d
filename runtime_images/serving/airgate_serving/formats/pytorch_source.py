"""A state_dict with the source of its network: an archive of `model.py` and one file of weights.

`make_model()` in `model.py` returns the network; `SAMPLE`, where it is there, is an example of its inputs by name. The
source is a person's own program and runs as a script does, behind the lock; weights are read by PyTorch's restricted
reader, or as safetensors, and no pickle runs.
"""

import inspect
import io
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from airgate_serving.errors import BadModelFile
from airgate_serving.formats.archive import find_one, read_members
from airgate_serving.formats.interface import Library, LoadOptions
from airgate_serving.formats.pytorch_file import (
    HINT_SOURCE,
    MAKE_MODEL,
    SAMPLE,
    SOURCE,
    WEIGHTS,
    explain_saved,
    find_source,
    require_modest,
)
from airgate_serving.formats.pytorch_library import Torch, TorchRunner, find_reason
from airgate_serving.formats.pytorch_trial import describe, guess_example
from airgate_serving.formats.quiet import hushed
from airgate_serving.formats.script import decode, run_module
from airgate_serving.tensors import Tensors

PLATFORM = "pytorch_state_dict"
WRAPPED = ("state_dict", "model_state_dict")  # where a checkpoint keeps the weights among other things
HINT_MAKE = f"Write in {SOURCE}: def {MAKE_MODEL}(): return Net(...)"
HINT_SAMPLE = (
    f"Write {SAMPLE} = {{'x': [[0.0, 0.0]]}} in {SOURCE}: a tensor or nested lists for each input, rows first."
)


def load(path: Path, torch: Torch, libraries: tuple[Library, ...], options: LoadOptions) -> TorchRunner:
    """Return the model of an archive. Raises BadModelFile or one of its kin with one sentence."""
    del options  # what the source does is held by the lock alone
    files = read_members(path)
    weights = find_weights(files)
    state = read_weights(torch, weights, files[weights])
    module = run_module(decode(files[find_source(files)]), files)
    model = make_model(torch, module)
    fill_model(model, state)
    model.to(torch.device).eval()

    def call(tensors: Mapping[str, Any]) -> Any:
        return model(**tensors)

    example = read_sample(getattr(module, SAMPLE, None)) or guess_example(
        torch, call, name_inputs(model), model.state_dict()
    )
    return TorchRunner(torch, call, describe(torch, call, example), PLATFORM, libraries)


def find_weights(files: Iterable[str]) -> str:
    """Return the name of the only file of weights. Raises BadModelFile, also where there is no source beside it."""
    files = list(files)
    if not find_source(files):
        raise BadModelFile(f"The archive holds weights alone, without a {SOURCE}.", HINT_SOURCE)
    found = [name for name in files if name.endswith(WEIGHTS)]
    return find_one(found, PurePosixPath(found[0]).suffix if len(found) == 1 else "", "file of weights")


def read_weights(torch: Torch, name: str, content: bytes) -> dict[str, Any]:
    """Return a state_dict. Raises BadModelFile for what is none, or would have to be unpickled freely."""
    try:
        found = _read_safetensors(content) if name.endswith(".safetensors") else _read_saved(torch, content)
    except BadModelFile:
        raise
    except Exception as error:
        raise BadModelFile(f"The weights {name!r} cannot be read: {find_reason(error)}", HINT_SOURCE) from error
    for key in WRAPPED:
        found = found[key] if isinstance(found, Mapping) and isinstance(found.get(key), Mapping) else found
    if not isinstance(found, Mapping):
        raise BadModelFile(f"The weights {name!r} are a {type(found).__name__}, not a state_dict.", HINT_SOURCE)
    return dict(found)


def _read_safetensors(content: bytes) -> Any:
    from safetensors.torch import load as load_safetensors

    return load_safetensors(content)


def _read_saved(torch: Torch, content: bytes) -> Any:
    if content.startswith(b"PK"):
        require_modest(io.BytesIO(content))
    try:
        with hushed():
            return torch.library.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:
        if content.startswith(b"PK") and "is a whole model" in (refused := explain_saved(io.BytesIO(content))).sentence:
            raise refused from error
        raise


def make_model(torch: Torch, module: Any) -> Any:
    """Return what a source makes. Raises BadModelFile when it is no network."""
    make = getattr(module, MAKE_MODEL, None)
    if not callable(make):
        raise BadModelFile(f"{SOURCE} has no function {MAKE_MODEL}.", HINT_MAKE)
    try:
        model = make()
    except Exception as error:
        raise BadModelFile(f"{MAKE_MODEL}() fails: {type(error).__name__}: {find_reason(error)}", HINT_MAKE) from error
    if not isinstance(model, torch.library.nn.Module):
        raise BadModelFile(f"{MAKE_MODEL}() returns a {type(model).__name__}, not a torch.nn.Module.", HINT_MAKE)
    return model


def fill_model(model: Any, state: dict[str, Any]) -> None:
    """Put weights into a network. Raises BadModelFile where they are another's."""
    try:
        model.load_state_dict(state)
    except Exception as error:
        what = " ".join(str(error).split())[:300]
        raise BadModelFile(f"The weights do not fit what {MAKE_MODEL}() makes: {what}", HINT_MAKE) from error


def name_inputs(model: Any) -> list[str]:
    """Return the names of what a network's forward must be given. Raises BadModelFile where they cannot be told."""
    parameters = inspect.signature(model.forward).parameters.values()
    if any(one.kind is one.VAR_POSITIONAL or one.kind is one.POSITIONAL_ONLY for one in parameters):
        raise BadModelFile("The network's forward does not name its inputs.", HINT_SAMPLE)
    return [one.name for one in parameters if one.default is one.empty and one.kind is not one.VAR_KEYWORD]


def read_sample(sample: Any) -> Tensors:
    """Return a source's own example as arrays; nothing where there is none. Raises BadModelFile."""
    if sample is None:
        return {}
    try:
        arrays = {str(name): np.array(value) for name, value in sample.items()}
        narrow = {np.dtype(np.float64): np.float32}  # what Python calls a float, PyTorch keeps in 32 bits
        return {
            name: array.astype(narrow.get(array.dtype, array.dtype)) if isinstance(sample[name], list) else array
            for name, array in arrays.items()
        }
    except Exception as error:
        raise BadModelFile(f"{SAMPLE} cannot be read: {find_reason(error)}", HINT_SAMPLE) from error

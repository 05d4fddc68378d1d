"""Models of PyTorch: TorchScript, programs of torch.export, a state_dict with its source, and MLflow's of these.

Weights alone and whole models as pickles are refused: the former lack the network, the latter run what they name.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from airgate_serving.errors import BadModelFile, ServingError
from airgate_serving.formats import pytorch_export, pytorch_script, pytorch_source
from airgate_serving.formats.archive import is_archive, list_members
from airgate_serving.formats.compressed import read_head
from airgate_serving.formats.interface import Library, LoadOptions, Runner
from airgate_serving.formats.mlflow import add_versions, name_maker, put_into_memory, take_model
from airgate_serving.formats.pytorch_file import (
    HINT_EXPORT,
    HINT_SOURCE,
    MLFLOW_FILES,
    Kind,
    explain_saved,
    find_kind,
    looks_like_legacy,
    looks_like_safetensors,
    require_modest,
)
from airgate_serving.formats.pytorch_library import LIBRARY, Torch, bring_library, find_reason, require_library
from airgate_serving.formats.versions import find_here, require_readable

Loader = Callable[[Path, Torch, tuple[Library, ...], LoadOptions], Runner]
LOADERS: dict[Kind, Loader] = {
    Kind.TORCHSCRIPT: pytorch_script.load,
    Kind.EXPORTED: pytorch_export.load,
    Kind.SOURCE: pytorch_source.load,
}


def load(path: Path, options: LoadOptions) -> Runner:
    """Return the model in `path`. Raises BadModelFile or one of its kin with one sentence."""
    kind = find_openable(path)
    if kind is Kind.MLFLOW:
        return load_mlflow(path, options)
    libraries = judge_file(path, kind, options.scanned)
    torch = bring_library(options)
    try:
        return LOADERS[kind](path, torch, libraries, options)
    except ServingError:
        raise
    except Exception as error:
        raise BadModelFile(f"PyTorch cannot ask the model: {find_reason(error)}", HINT_EXPORT) from error


def find_openable(path: Path) -> Kind:
    """Return what a file is. Raises BadModelFile for weights alone and for what would have to be unpickled freely."""
    if not is_archive(path):
        raise _explain_plain(path)
    kind = find_kind(list_members(path)) or Kind.SOURCE
    if kind in (Kind.TORCHSCRIPT, Kind.EXPORTED, Kind.SAVED):
        with path.open("rb") as file:
            require_modest(file)
            if kind is Kind.SAVED:
                raise explain_saved(file)
    if kind is Kind.SOURCE:
        pytorch_source.find_weights(list_members(path))
    return kind


def _explain_plain(path: Path) -> BadModelFile:
    if looks_like_legacy(read_head(path)):
        return BadModelFile(
            "The file is a pickle, as torch.save wrote them before PyTorch 1.6, so it is not opened.", HINT_SOURCE
        )
    if not looks_like_safetensors(read_head(path)):
        return BadModelFile("The file is none of PyTorch's.", HINT_EXPORT)
    return BadModelFile(
        "The file is weights alone (safetensors), without the network that they belong to.", HINT_SOURCE
    )


def judge_file(path: Path, kind: Kind, scanned: bool) -> tuple[Library, ...]:
    """Return the versions in a file and here. Raises what `load` does for a file that may not be opened."""
    program: dict[str, Any] = pytorch_export.read_program(path) if kind is Kind.EXPORTED else {}
    version = str(program.get("torch_version", ""))
    require_library(kind.value, version)
    libraries = find_here({LIBRARY: version})
    require_readable(libraries)
    if scanned and kind is Kind.EXPORTED:
        pytorch_export.require_calm(program)
    if scanned and kind is Kind.TORCHSCRIPT:
        pytorch_script.require_calm(path)
    return libraries


def load_mlflow(path: Path, options: LoadOptions) -> Runner:
    """Return the model of a packed MLflow folder. Raises BadModelFile or one of its kin with one sentence."""
    said, content = take_model(path, MLFLOW_FILES)
    flavor = said["flavors"].get("pytorch") or {}
    versions = {LIBRARY: str(flavor.get("pytorch_version", "")) if isinstance(flavor, dict) else ""}
    require_library(Kind.MLFLOW.value, versions[LIBRARY])
    require_readable(find_here(versions))
    with put_into_memory(content) as file:
        if not is_archive(file) or find_openable(file) not in (Kind.TORCHSCRIPT, Kind.EXPORTED):
            raise BadModelFile("The folder's model is neither TorchScript nor a program of torch.export.", HINT_EXPORT)
        runner = load(file, options)
    libraries = add_versions(runner.info.libraries, versions)
    runner.info = replace(runner.info, libraries=(*libraries, name_maker(said)))
    return runner

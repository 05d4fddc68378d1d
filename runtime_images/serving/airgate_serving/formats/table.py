"""Which file serves which format, and which format a file is of. The name of a file proves nothing; its bytes do."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from airgate_serving.errors import BadModelFile
from airgate_serving.formats.archive import list_members, looks_like_archive
from airgate_serving.formats.compressed import decompress_head, read_head
from airgate_serving.formats.interface import LoadOptions, Runner
from airgate_serving.formats.keras_file import MLFLOW_FILES as KERAS_IN_MLFLOW
from airgate_serving.formats.keras_file import is_keras
from airgate_serving.formats.looks import (
    looks_like_hdf5,
    looks_like_lightgbm,
    looks_like_onnx,
    looks_like_pmml,
    looks_like_xgboost,
    looks_pickled,
)
from airgate_serving.formats.pytorch_file import WEIGHTS, is_pytorch, looks_like_legacy, looks_like_safetensors
from airgate_serving.formats.qaic_library import PROGRAM
from airgate_serving.formats.script import looks_like_script
from airgate_serving.formats.skops_file import is_skops

SAVED_MODEL = "saved_model.pb"  # TensorFlow's
IN_CHUNKS = "saved_model.cpb"  # the same in chunks, which TensorFlow's own format says more of


@dataclass(frozen=True, slots=True)
class Format:
    """A format: the module that loads it, whether its files may carry code, and whether it writes what they hold.

    A call may then write files, in memory or in its scratch folder, as large as the memory it may have.
    """

    name: str
    module: str
    carries_code: bool
    unpacks: bool = False


class Loader(Protocol):
    """What every format's module offers."""

    def load(self, path: Path, options: LoadOptions) -> Runner:
        """Return the model in `path`. Raises BadModelFile."""


FORMATS = {
    "onnx": Format("onnx", "airgate_serving.formats.onnx", carries_code=False),
    "sklearn": Format("sklearn", "airgate_serving.formats.sklearn", carries_code=True),
    "xgboost": Format("xgboost", "airgate_serving.formats.xgboost", carries_code=False),
    "lightgbm": Format("lightgbm", "airgate_serving.formats.lightgbm", carries_code=False),
    "pmml": Format("pmml", "airgate_serving.formats.pmml", carries_code=False),
    "script": Format("script", "airgate_serving.formats.script", carries_code=True),
    "mlflow": Format("mlflow", "airgate_serving.formats.mlflow", carries_code=True, unpacks=True),
    "keras": Format("keras", "airgate_serving.formats.keras", carries_code=True, unpacks=True),
    "tensorflow": Format("tensorflow", "airgate_serving.formats.tensorflow", carries_code=True, unpacks=True),
    "pytorch": Format("pytorch", "airgate_serving.formats.pytorch", carries_code=True, unpacks=True),
    "qpc": Format("qpc", "airgate_serving.formats.qpc", carries_code=True, unpacks=True),
}


def load(path: Path, format_name: str, options: LoadOptions) -> Runner:
    """Open the file as the given format. Raises BadModelFile with one sentence."""
    module = cast(Loader, importlib.import_module(find_format(format_name).module))
    return module.load(path, options)


def find_format(name: str) -> Format:
    """Return the format of that name. Raises BadModelFile naming the ones there are."""
    if name not in FORMATS:
        raise BadModelFile(f"The format {name!r} is unknown here.", f"Use one of {', '.join(FORMATS)}.")
    return FORMATS[name]


def guess_format(path: Path) -> str:
    """Return the format's name by the file's first bytes. Raises BadModelFile for an empty or unknown file."""
    if path.is_dir():
        return guess_folder(path)
    head = read_head(path)
    if not head:
        raise BadModelFile("The file is empty.", "Upload the model file itself; it has 0 bytes.")
    if looks_like_legacy(head):
        return "pytorch"
    if looks_pickled(head) or looks_pickled(decompress_head(head)):
        return "sklearn"
    if looks_like_archive(head):
        return guess_archive(path)
    for name, looks_like in _LOOKS.items():
        if looks_like(head):
            return name
    raise BadModelFile(
        "The file is of no format that this runtime can serve.",
        "Upload an ONNX model, a scikit-learn model saved by pickle, joblib or skops, a model of XGBoost (.json, "
        ".ubj), LightGBM (.txt), Keras (.keras, .h5) or PyTorch (TorchScript .pt, torch.export .pt2), a PMML model, a "
        "script with a function predict (.py), or an archive (.zip, .tar) of an MLflow folder, a SavedModel of "
        "TensorFlow, an ONNX model with its weights, a state_dict with its model.py, or a script with its files.",
    )


def guess_folder(path: Path) -> str:
    """Return the format of what a folder holds, by the program in it. Raises BadModelFile where there is none."""
    for program, name in ((PROGRAM, "qpc"), (SAVED_MODEL, "tensorflow"), (IN_CHUNKS, "tensorflow")):
        if (path / program).is_file():
            return name
    raise BadModelFile(
        f"The folder {path.name} has no {PROGRAM} and no {SAVED_MODEL}.",
        "Give a model file, or the folder of a program or of a SavedModel.",
    )


def guess_archive(path: Path) -> str:
    """Return the format of what an archive holds, by the file that makes it one. Raises BadModelFile."""
    for name, is_such in (("sklearn", is_skops), ("keras", is_keras), ("pytorch", is_pytorch)):
        if is_such(path):
            return name
    names = list_members(path)
    is_mlflow = any(member.endswith("MLmodel") for member in names)
    for ending, name in (*(_IN_MLFLOW if is_mlflow else ()), *_IN_ARCHIVES):
        if any(member.endswith(ending) for member in names):
            return name
    raise BadModelFile(
        f"The archive holds neither a script (.py) nor a model (.onnx, MLmodel, {SAVED_MODEL}, {PROGRAM}): "
        f"{', '.join(names[:5])}.",
        "Pack one of them, with the files that it needs.",
    )


_LOOKS: dict[str, Callable[[bytes], bool]] = {
    "pytorch": looks_like_safetensors,
    "keras": looks_like_hdf5,
    "onnx": looks_like_onnx,
    "xgboost": looks_like_xgboost,
    "lightgbm": looks_like_lightgbm,
    "pmml": looks_like_pmml,
    "script": looks_like_script,
}
_IN_MLFLOW: tuple[tuple[str | tuple[str, ...], str], ...] = (  # those that have a runtime of their own
    (KERAS_IN_MLFLOW, "keras"),
    ((SAVED_MODEL, IN_CHUNKS), "tensorflow"),
)
_IN_ARCHIVES: tuple[tuple[str | tuple[str, ...], str], ...] = (
    (PROGRAM, "qpc"),
    ("MLmodel", "mlflow"),
    ((SAVED_MODEL, IN_CHUNKS), "tensorflow"),
    (".py", "script"),
    (".onnx", "onnx"),
    *((ending, "pytorch") for ending in WEIGHTS),
)

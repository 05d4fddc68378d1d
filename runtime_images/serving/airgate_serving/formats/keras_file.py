"""What a file of Keras says of itself, read without Keras: its version, and whether all its parts are Keras' own.

A `.keras` file is a zip with `config.json`, `metadata.json` and the weights as HDF5; an `.h5` file is HDF5 with the
same JSON in an attribute. The JSON names classes, which Keras would import, and Lambda layers carry Python bytecode.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airgate_serving.errors import BadModelFile, DangerousModelFile
from airgate_serving.formats.archive import MOST_BYTES, list_members

CONFIG, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
ATTRIBUTE_CONFIG, ATTRIBUTE_VERSION = "model_config", "keras_version"
MLFLOW_FILES = ("data/model.keras", "data/model.h5")  # where MLflow puts a model of Keras in its folder
MOST_TEXT = 256 * 1024**2  # bytes of config.json
PIECES = "layers models ops activations initializers regularizers constraints dtype_policies random quantizers"
OWN_MODULES = re.compile(rf"keras(\.src)?(\.({'|'.join(PIECES.split())})(\.\w+)*)?|keras\.src\.engine(\.\w+)*")
OWN_FUNCTIONS = re.compile(r"keras(\.src)?\.(activations|initializers|regularizers|constraints)(\.\w+)*")
CODE = frozenset({"Lambda", "__lambda__", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "TFSMLayer"})
WITH_WORDS = frozenset({"StringLookup", "IntegerLookup", "IndexLookup", "TextVectorization"})
HINT_SAVE = "Save the whole model again with model.save('model.keras')."
HINT_OWN = "Build the model of Keras' own layers (keras.ops has the functions), or export it with model.export(FOLDER)."


@dataclass(frozen=True, slots=True)
class KerasFacts:
    """What a file says. config: the model as JSON, None where it can only be read by HDF5's library."""

    version: str
    config: Any = None


def is_keras(path: Path) -> bool:
    """Return whether a zip is a model of Keras."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return {CONFIG, METADATA} <= set(archive.namelist())


def read_zip(path: Path) -> KerasFacts:
    """Return what a .keras file says. Raises BadModelFile for one that is damaged, too large or reaches out."""
    list_members(path)  # refuses names that lead out of it
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
        if size > MOST_BYTES or archive.getinfo(CONFIG).file_size > MOST_TEXT:
            raise BadModelFile(f"The file would unpack to {size} bytes, more than is opened.", HINT_SAVE)
        said = read_json(archive.read(METADATA))
        return KerasFacts(str(said.get(ATTRIBUTE_VERSION, "")), read_json(archive.read(CONFIG)))


def read_hdf5(path: Path) -> KerasFacts:
    """Return what an .h5 file says, by HDF5's library. Raises BadModelFile for one that is no whole model."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            said = {name: file.attrs.get(name) for name in (ATTRIBUTE_VERSION, ATTRIBUTE_CONFIG)}
    except Exception as error:
        raise BadModelFile(f"The file cannot be read as HDF5: {str(error)[:200]}.", HINT_SAVE) from error
    config = said[ATTRIBUTE_CONFIG]
    if config is None:
        raise BadModelFile("The file holds no Keras model: weights alone, or other data.", HINT_SAVE)
    return KerasFacts(_read_text(said[ATTRIBUTE_VERSION]), read_json(_read_text(config).encode()))


def read_json(content: bytes) -> dict[str, Any]:
    """Return an object of JSON. Raises BadModelFile for anything else."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadModelFile("The file's description of the model is no JSON.", HINT_SAVE) from error
    if not isinstance(found, dict):
        raise BadModelFile("The file's description of the model is no object.", HINT_SAVE)
    return found


def _read_text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value or "")


def require_own_parts(config: dict[str, Any]) -> None:
    """Raise DangerousModelFile or BadModelFile, naming it, for a part that carries code or is not Keras' own.

    How the model was trained (its loss, its optimizer) is not opened, and so not judged.
    """
    for part in _list_parts({**config, "compile_config": None}):
        _judge_part(part)


def _list_parts(config: Any) -> Iterator[dict[str, Any]]:
    """Yield every object that names a class, however deep it lies."""
    waiting = [config]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            if "class_name" in found:
                yield found
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found


def _judge_part(part: dict[str, Any]) -> None:
    name, module, registered = (str(part.get(key) or "") for key in ("class_name", "module", "registered_name"))
    if name in CODE:
        raise DangerousModelFile(
            f"The model has a part of the class {name}, which carries code of its own, so it was not opened.", HINT_OWN
        )
    if name == "function":
        _judge_function(module, str(part.get("config")))
    elif ">" in name + registered or (module and not OWN_MODULES.fullmatch(module)):
        raise _explain_foreign("class", registered if ">" in registered else name)
    _judge_words(name, part.get("config"))


def _judge_function(module: str, name: str) -> None:
    if not OWN_FUNCTIONS.fullmatch(module):
        raise _explain_foreign("function", name)


def _explain_foreign(what: str, name: str) -> BadModelFile:
    return BadModelFile(
        f"The model needs the {what} {name[:80]} of the program that saved it, which does not travel with the file.",
        HINT_OWN,
    )


def _judge_words(name: str, config: Any) -> None:
    """Raise DangerousModelFile where a layer's vocabulary is the name of a file."""
    if name in WITH_WORDS and isinstance(config, dict) and isinstance(config.get("vocabulary"), str):
        raise DangerousModelFile(
            f"The model's layer {name} would read its vocabulary from another file, so it was not opened.",
            "Give the layer its words as a list, or by adapt().",
        )


def require_own_weights(path: Path) -> None:
    """Raise DangerousModelFile when weights lie in other files than the model's own. Needs HDF5's library."""
    import h5py

    with _open_weights(path) as source, h5py.File(source, "r") as file:
        names: list[str] = []
        file.visit_links(lambda name: names.append(name))
        for leads_away in (_is_link_out, _is_kept_elsewhere):
            for name in names:
                if leads_away(file, name):
                    raise DangerousModelFile(
                        f"The weights {name[:80]!r} lie in another file than the model's own, so it was not opened.",
                        HINT_SAVE,
                    )


def _open_weights(path: Path) -> Any:
    """Return the bytes of the weights as an open file."""
    if not zipfile.is_zipfile(path):
        return path.open("rb")
    with zipfile.ZipFile(path) as archive:
        if WEIGHTS not in archive.namelist():
            raise BadModelFile(f"The file has no {WEIGHTS}.", HINT_SAVE)
        return io.BytesIO(archive.read(WEIGHTS))


def _is_link_out(file: Any, name: str) -> bool:
    import h5py

    return isinstance(file.get(name, getlink=True), h5py.ExternalLink)


def _is_kept_elsewhere(file: Any, name: str) -> bool:
    import h5py

    found = file.get(name)
    return isinstance(found, h5py.Dataset) and (bool(found.external) or bool(found.is_virtual))

"""MLflow model folders, packed as a zip or tar.gz: the model in them is opened as what it is.

`MLmodel` says which library saved it (https://mlflow.org/docs/latest/ml/model/); models of plain Python functions
alone are refused, for those are code of the folder's own.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from airgate_serving.errors import BadModelFile
from airgate_serving.formats.archive import find_one, read_members
from airgate_serving.formats.interface import Library, LoadOptions, Runner
from airgate_serving.formats.versions import BESIDE, MAKERS, PMML, find_here, read_numbers, require_readable

DESCRIPTION, REQUIREMENTS = "MLmodel", "requirements.txt"
PINNED = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*==\s*([0-9][A-Za-z0-9.!+_-]{0,40})\s*(?:[;\\#].*)?$")
MOST_DESCRIPTION = 1024 * 1024  # bytes
HINT = (
    "Log the model by mlflow.sklearn, .xgboost, .lightgbm, .onnx, .tensorflow or .pytorch (as TorchScript), and pack "
    "its folder."
)


@dataclass(frozen=True, slots=True)
class Flavor:
    """Where MLflow says what: the field of the file's name, the one of the version, and whose version it is."""

    file: str
    version: str
    library: str


FLAVORS = {
    "onnx": Flavor("data", "onnx_version", "onnx"),
    "xgboost": Flavor("data", "xgb_version", "xgboost"),
    "lightgbm": Flavor("data", "lgb_version", "lightgbm"),
    "pmml": Flavor("data", "pmml_version", PMML),
    "sklearn": Flavor("pickled_model", "sklearn_version", "scikit-learn"),
}


def load(path: Path, options: LoadOptions) -> Runner:
    """Return the model of a packed folder. Raises BadModelFile or one of its kin with one sentence."""
    members = read_members(path)
    place = find_one(members, DESCRIPTION, "description")
    description = read_description(members[place])
    name = choose_flavor(description)
    flavor, said = FLAVORS[name], description["flavors"][name]
    file = str(PurePosixPath(place).parent / str(said.get(flavor.file, "")))
    if file not in members:
        raise BadModelFile(f"The folder lacks {file}, which its {DESCRIPTION} names.", "Pack the whole folder.")
    versions = read_requirements(members.get(str(PurePosixPath(place).parent / REQUIREMENTS), b""))
    versions |= {flavor.library: str(said[flavor.version])} if said.get(flavor.version) else {}
    require_readable(find_here(versions))
    runner = _load_onnx(members, file, options) if name == "onnx" else _load_bytes(members[file], options)
    libraries = add_versions(runner.info.libraries, versions)
    runner.info = replace(runner.info, libraries=(*libraries, name_maker(description)))
    return runner


def take_model(path: Path, files: tuple[str, ...]) -> tuple[dict[str, Any], bytes]:
    """Return what a packed folder's description says, and its model, a file with one of these endings, for those who
    open it in an image of their own. Raises BadModelFile."""
    members = read_members(path)
    said = read_description(members[find_one(members, DESCRIPTION, "description")])
    return said, next(content for name, content in members.items() if name.endswith(files))


def name_maker(said: dict[str, Any]) -> Library:
    """Return the version of MLflow that a description names."""
    return Library("mlflow", str(said.get("mlflow_version", "")), "")


def read_description(content: bytes) -> dict[str, Any]:
    """Return what an MLmodel file says. Raises BadModelFile when it is none."""
    import yaml

    try:
        found = yaml.safe_load(content[:MOST_DESCRIPTION])
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadModelFile(f"{DESCRIPTION} cannot be read: {str(error).splitlines()[0][:120]}.", HINT) from error
    if not isinstance(found, dict) or not isinstance(found.get("flavors"), dict):
        raise BadModelFile(f"{DESCRIPTION} names no flavors.", HINT)
    return found


def choose_flavor(description: dict[str, Any]) -> str:
    """Return the flavor that is opened here. Raises BadModelFile naming the ones there are."""
    flavors = description["flavors"]
    for name in FLAVORS:
        if isinstance(flavors.get(name), dict):
            return name
    there = ", ".join(str(name)[:40] for name in list(flavors)[:8]) or "none"
    raise BadModelFile(f"The folder's flavors are {there}; this runtime opens {', '.join(FLAVORS)}.", HINT)


def _load_onnx(members: dict[str, bytes], file: str, options: LoadOptions) -> Runner:
    from airgate_serving.formats import onnx

    return onnx.load_source(onnx.make_source(members, file), options)


def _load_bytes(content: bytes, options: LoadOptions) -> Runner:
    from airgate_serving.formats.table import guess_format
    from airgate_serving.formats.table import load as load_format

    with put_into_memory(content) as path:
        return load_format(path, guess_format(path), options)


@contextmanager
def put_into_memory(content: bytes) -> Iterator[Path]:
    """Give a path to bytes that lie in memory alone: a locked process has no folder to unpack into."""
    file = os.memfd_create("airgate-model")
    try:
        with os.fdopen(os.dup(file), "wb") as target:
            target.write(content)
        yield Path(f"/proc/self/fd/{file}")
    finally:
        os.close(file)


def read_requirements(content: bytes) -> dict[str, str]:
    """Return the versions that a requirements file pins exactly, by name; whatever else it says is passed over."""
    found = {}
    for line in content[:MOST_DESCRIPTION].decode("utf-8", "replace").splitlines():
        pin = PINNED.match(line)
        if pin:
            found[re.sub(r"[-_.]+", "-", pin.group(1)).lower()] = pin.group(2)
    found |= {"xgboost": found.pop("xgboost-cpu")} if "xgboost-cpu" in found else {}
    return {name: version for name, version in found.items() if name in {**MAKERS, **BESIDE}}


def add_versions(libraries: tuple[Library, ...], versions: dict[str, str]) -> tuple[Library, ...]:
    """Return the libraries with the versions that the folder says, where the file itself says none."""
    known = {library.name for library in libraries if read_numbers(library.in_file)}
    told = {library.name: library for library in find_here(versions) if library.name not in known and library.in_file}
    kept = [told.pop(library.name, library) for library in libraries]
    return (*kept, *told.values())

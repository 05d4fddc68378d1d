"""SavedModels of TensorFlow 2: a folder with `saved_model.pb`, where it lies or packed as a zip, tar or tar.gz.

The signature `serving_default` answers, or the only one there is. What is no part of a SavedModel is not unpacked.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from airgate_serving.errors import BadModelFile
from airgate_serving.formats.archive import find_one, list_members, unpack_members
from airgate_serving.formats.interface import Library, LoadOptions
from airgate_serving.formats.quiet import hushed
from airgate_serving.formats.tensorflow_graph import HINT_EXPORT, SavedFacts, read_facts, require_calm
from airgate_serving.formats.tensorflow_library import (
    FunctionRunner,
    bring_library,
    describe,
    find_reason,
    require_library,
)
from airgate_serving.formats.versions import find_here, require_readable
from airgate_serving.tensors import Signature

PROGRAM, IN_CHUNKS = "saved_model.pb", "saved_model.cpb"
PARTS = ("variables", "assets")  # the folders beside the program
USUAL, INITIALIZER = "serving_default", "__saved_model_init_op"


def load(path: Path, options: LoadOptions) -> FunctionRunner:
    """Return the model in a folder or an archive. Raises BadModelFile or one of its kin with one sentence."""
    if path.is_dir():
        return load_folder(path, options)
    with unpacked(path, options.scratch) as folder:
        return load_folder(folder, options)


def load_folder(folder: Path, options: LoadOptions) -> FunctionRunner:
    """Return the model in a folder, which is not needed any more then. Raises BadModelFile or one of its kin."""
    facts = read_program(folder)
    require_library("tensorflow", "a SavedModel", facts.version)
    libraries = find_here({"tensorflow": facts.version})
    require_readable(libraries)
    if options.scanned:
        require_calm(facts)
    library = bring_library(options)
    try:
        with hushed():
            model = library[0].saved_model.load(str(folder))
    except Exception as error:
        raise BadModelFile(f"TensorFlow cannot open the model: {find_reason(error)}", HINT_EXPORT) from error
    return make_runner(library, model, libraries)


def read_program(folder: Path) -> SavedFacts:
    """Return what the program of a folder says. Raises BadModelFile."""
    if (folder / IN_CHUNKS).exists():
        raise BadModelFile(f"The SavedModel is cut into chunks ({IN_CHUNKS}), which is not supported.", HINT_EXPORT)
    return read_facts((folder / PROGRAM).read_bytes())


@contextmanager
def unpacked(path: Path, scratch: Path | None) -> Iterator[Path]:
    """Give a folder with a SavedModel's own files, below the scratch folder. Raises BadModelFile."""
    if scratch is None:
        raise BadModelFile("There is no room here to unpack a SavedModel.", "Give the folder it was packed from.")
    top = PurePosixPath(find_one(list_members(path), PROGRAM, "SavedModel")).parent
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        unpack_members(path, top, _is_part, Path(folder))
        yield Path(folder)


def _is_part(name: PurePosixPath) -> bool:
    """Return whether this is the name of a file of a SavedModel, within its folder."""
    return str(name) == PROGRAM or (len(name.parts) > 1 and name.parts[0] in PARTS)


def make_runner(library: tuple[Any, str], model: Any, libraries: tuple[Library, ...]) -> FunctionRunner:
    """Return the chosen signature of a loaded model as a runner. Raises BadModelFile where there is none."""
    function = model.signatures[choose_signature(list(model.signatures))]
    _, inputs = function.structured_input_signature
    signature = Signature(
        tuple(describe(name, spec, is_input=True) for name, spec in sorted(inputs.items())),
        tuple(describe(name, spec, is_input=False) for name, spec in sorted(function.structured_outputs.items())),
    )
    return FunctionRunner(library, function, signature, libraries, ("tensorflow_savedmodel", model))


def choose_signature(names: list[str]) -> str:
    """Return the signature that answers. Raises BadModelFile naming those there are."""
    found = [name for name in names if name != INITIALIZER]
    if USUAL in found or len(found) == 1:
        return USUAL if USUAL in found else found[0]
    there = ", ".join(name[:60] for name in found[:8]) or "none"
    raise BadModelFile(f"The SavedModel has no signature {USUAL}; it has {there}.", HINT_EXPORT)

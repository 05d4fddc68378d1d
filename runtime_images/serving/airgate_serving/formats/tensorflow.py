"""SavedModels of TensorFlow 2 and 1: a folder with `saved_model.pb`, where it lies or packed as a zip, tar or tar.gz.

What is no part of a SavedModel is not unpacked.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from airgate_serving.errors import BadModelFile
from airgate_serving.formats.archive import find_one, list_members, unpack_members
from airgate_serving.formats.interface import LoadOptions, Runner
from airgate_serving.formats.quiet import hushed
from airgate_serving.formats.tensorflow_graph import HINT_EXPORT, SavedFacts, read_facts, require_calm
from airgate_serving.formats.tensorflow_library import bring_library, find_reason, require_library
from airgate_serving.formats.tensorflow_signatures import make_runner
from airgate_serving.formats.versions import find_here, require_readable

PROGRAM, IN_CHUNKS = "saved_model.pb", "saved_model.cpb"
PARTS = ("variables", "assets")  # the folders beside the program
HINT_WHOLE = (
    "Export it again without experimental_image_format=True in tf.saved_model.SaveOptions, as one saved_model.pb."
)


def load(path: Path, options: LoadOptions) -> Runner:
    """Return the model in a folder or an archive. Raises BadModelFile or one of its kin with one sentence."""
    if path.is_dir():
        return load_folder(path, options)
    with unpacked(path, options.scratch) as folder:
        return load_folder(folder, options)


def load_folder(folder: Path, options: LoadOptions) -> Runner:
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
            model = library[0].saved_model.load(str(folder), tags=facts.tags)
    except Exception as error:
        raise BadModelFile(f"TensorFlow cannot open the model: {find_reason(error)}", HINT_EXPORT) from error
    return make_runner(library, model, libraries)


def read_program(folder: Path) -> SavedFacts:
    """Return what the program of a folder says. Raises BadModelFile."""
    if (folder / IN_CHUNKS).exists():
        raise _explain_chunks()
    return read_facts((folder / PROGRAM).read_bytes())


def _explain_chunks() -> BadModelFile:
    """Return why a program in chunks is not opened: TensorFlow as it is published writes and reads none from Python."""
    return BadModelFile(
        f"The SavedModel is cut into chunks ({IN_CHUNKS}), which TensorFlow as it is published does not read.",
        HINT_WHOLE,
    )


@contextmanager
def unpacked(path: Path, scratch: Path | None) -> Iterator[Path]:
    """Give a folder with a SavedModel's own files, below the scratch folder. Raises BadModelFile."""
    if scratch is None:
        raise BadModelFile("There is no room here to unpack a SavedModel.", "Give the folder it was packed from.")
    members = list_members(path)
    names = {PurePosixPath(member).name for member in members}
    if IN_CHUNKS in names and PROGRAM not in names:
        raise _explain_chunks()
    top = PurePosixPath(find_one(members, PROGRAM, "SavedModel")).parent
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        unpack_members(path, top, _is_part, Path(folder))
        yield Path(folder)


def _is_part(name: PurePosixPath) -> bool:
    """Return whether this is the name of a file of a SavedModel, within its folder."""
    return str(name) == PROGRAM or (len(name.parts) > 1 and name.parts[0] in PARTS)

"""Models of Keras, `.keras` and `.h5`, alone or in a packed MLflow folder, computed by TensorFlow."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from airgate_serving.errors import BadModelFile, ServingError
from airgate_serving.formats.archive import is_hdf5
from airgate_serving.formats.interface import Library, LoadOptions
from airgate_serving.formats.keras_file import (
    HINT_SAVE,
    MLFLOW_FILES,
    KerasFacts,
    is_keras,
    read_hdf5,
    read_zip,
    require_own_parts,
    require_own_weights,
)
from airgate_serving.formats.mlflow import name_maker, put_into_memory, take_model
from airgate_serving.formats.quiet import hushed, keeping_files_in
from airgate_serving.formats.tensorflow_library import (
    FunctionRunner,
    bring_library,
    describe,
    find_reason,
    require_library,
)
from airgate_serving.formats.versions import find_here, require_readable
from airgate_serving.tensors import Signature

ENDINGS = {True: ".h5", False: ".keras"}  # Keras goes by a file's name


def load(path: Path, options: LoadOptions) -> FunctionRunner:
    """Return the model in `path`. Raises BadModelFile or one of its kin with one sentence."""
    if not is_hdf5(path) and not is_keras(path):
        return load_mlflow(path, options)
    with hushed():  # HDF5's library asks a program what processor this is, and the lock forbids programs
        libraries = judge_file(path, options.scanned)
    library = bring_library(options)
    with named(path, options.scratch) as place, keeping_files_in(place.parent):
        model = open_model(place, options.scanned)
    try:
        return make_runner(library, model, libraries)
    except ServingError:
        raise
    except Exception as error:
        raise BadModelFile(f"The model cannot be asked by name: {find_reason(error)}", HINT_SAVE) from error


def load_mlflow(path: Path, options: LoadOptions) -> FunctionRunner:
    """Return the model of a packed MLflow folder. Raises BadModelFile or one of its kin with one sentence."""
    said, content = take_model(path, MLFLOW_FILES)
    with put_into_memory(content) as file:
        if not is_hdf5(file) and not is_keras(file):
            raise BadModelFile("The folder's model is no model of Keras.", HINT_SAVE)
        runner = load(file, options)
    runner.info = replace(runner.info, libraries=(*runner.info.libraries, name_maker(said)))
    return runner


def judge_file(path: Path, scanned: bool) -> tuple[Library, ...]:
    """Return the versions in the file and here. Raises what `load` does for a file that may not be opened."""
    facts = read_facts(path)
    libraries = (*find_here({"keras": facts.version}), *find_here({"tensorflow": ""}))
    require_readable(libraries)
    if scanned:
        require_own_parts(facts.config)
        require_own_weights(path)
    return libraries


def read_facts(path: Path) -> KerasFacts:
    """Return what the file says. Raises MissingLibrary where Keras is not here, or BadModelFile."""
    if is_hdf5(path):
        require_library("keras", "a Keras model (HDF5)", "")
        return read_hdf5(path)
    facts = read_zip(path)
    require_library("keras", "a Keras model", facts.version)
    return facts


@contextmanager
def named(path: Path, scratch: Path | None) -> Iterator[Path]:
    """Give the file a name that Keras knows it by, in a folder of its own. Raises BadModelFile."""
    if scratch is None:
        raise BadModelFile("There is no room here to unpack a Keras model.", "Serve or test it instead.")
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        place = Path(folder, "model").with_suffix(ENDINGS[is_hdf5(path)])
        place.symlink_to(path.absolute())
        yield place


def open_model(place: Path, scanned: bool) -> Any:
    """Return what Keras opens, without how it was trained. Raises BadModelFile.

    scanned: see LoadOptions; code in the file is run otherwise.
    """
    try:
        with hushed():
            import keras

            model = keras.saving.load_model(place, compile=False, safe_mode=scanned)
    except Exception as error:
        raise BadModelFile(f"Keras cannot open the model: {find_reason(error)}", HINT_SAVE) from error
    if not getattr(model, "inputs", None):
        raise BadModelFile("The model does not say what it takes: it was never built.", "Begin it with keras.Input.")
    return model


def make_runner(library: tuple[Any, str], model: Any, libraries: tuple[Library, ...]) -> FunctionRunner:
    """Return a model of Keras as a runner; an input has its own name, an output that of its layer or its key."""
    inputs = dict(zip(name_all([one.name for one in model.inputs]), model.inputs, strict=True))
    outputs = dict(zip(name_all(name_outputs(model)), model.outputs, strict=True))
    signature = Signature(
        tuple(describe(name, one, is_input=True) for name, one in inputs.items()),
        tuple(describe(name, one, is_input=False) for name, one in outputs.items()),
    )
    specs = {name: library[0].TensorSpec(one.shape, one.dtype, name) for name, one in inputs.items()}
    function = trace(library[0], model, tuple(outputs)).get_concrete_function(**specs)
    return FunctionRunner(library, function, signature, libraries, ("keras", model))


def trace(tensorflow: Any, model: Any, outputs: tuple[str, ...]) -> Any:
    """Return a model as a function of TensorFlow: tensors by name in the order of the inputs, the same out."""
    import keras

    def call(**tensors: Any) -> Mapping[str, Any]:
        packed = keras.tree.pack_sequence_as(getattr(model, "input", model.inputs[0]), list(tensors.values()))
        answers: list[Any] = keras.tree.flatten(model(packed, training=False))
        return dict(zip(outputs, answers, strict=True))

    made: Callable[..., Any] = tensorflow.function(call, autograph=False)  # that would write files
    return made


def name_outputs(model: Any) -> list[str]:
    """Return a name for each output: its key where the model answers by keys, else the layer that made it."""
    structure = getattr(model, "output", None)  # a sequence of layers has neither this nor names
    if isinstance(structure, dict):
        return sorted(structure)
    return [str(name) for name in getattr(model, "output_names", None) or [model.layers[-1].name]]


def name_all(names: list[str]) -> list[str]:
    """Return the names, numbered where two are the same."""
    return [name if names.count(name) == 1 else f"{name}_{place}" for place, name in enumerate(names)]

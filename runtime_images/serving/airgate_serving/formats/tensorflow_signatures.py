"""The signatures of a SavedModel as functions: one answers where none is named, every other by its own name.

That one is `serving_default`, or what else is called as if it were meant, or the only one there is.
"""

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any

from airgate_serving.errors import BadModelFile, ModelRefused
from airgate_serving.formats.interface import PREDICT, Library
from airgate_serving.formats.tensorflow_graph import HINT_EXPORT
from airgate_serving.formats.tensorflow_library import FunctionRunner, describe
from airgate_serving.tensors import Signature, Tensors

USUAL = ("serving_default", "default", PREDICT)  # TensorFlow's, TensorFlow Hub's, estimators'; the first there answers
INTERNAL = ("__saved_model_init_op", "__saved_model_train_op")
TAKEN = "_signature"  # comes behind a name that is taken: the path /predict is that of the one that answers
OTHERS = ("v2", "models")  # below these lie other paths than functions'
UNSENT = ("", ".", "..")  # parts of a path that gateways and clients take away
HINT_NAME = "Export it under another name, of letters, digits, _ and -."
HINT_DENSE = "Export the model with dense tensors of numbers or texts."
NO_SIGNATURES = Signature((), ())


def make_runner(
    library: tuple[Any, str], model: Any, libraries: tuple[Library, ...]
) -> "FunctionRunner | SignaturesRunner":
    """Return the signatures of a loaded model as a runner. Raises BadModelFile where none can be asked."""
    functions = {name: function for name, function in model.signatures.items() if name not in INTERNAL}
    chosen = choose_signature(list(functions))
    usual = _make_one(library, functions.pop(chosen), libraries, model) if chosen else None
    further, refusals = _make_further(library, functions, libraries, model)
    if usual and not further and not refusals:
        return usual
    if not usual and not further:
        raise next(iter(refusals.values()))
    return SignaturesRunner(usual, further, tuple(map(_explain_left_out, refusals, refusals.values())))


def choose_signature(names: list[str]) -> str:
    """Return the signature that answers where none is named, empty where none is meant to. Raises BadModelFile."""
    if not names:
        raise BadModelFile("The SavedModel has no signatures.", HINT_EXPORT)
    return next((name for name in USUAL if name in names), names[0] if len(names) == 1 else "")


def name_function(signature: str) -> str:
    """Return the path of a further signature, without its first slash."""
    return signature + TAKEN if signature == PREDICT else signature


def require_path(name: str, taken: Container[str]) -> None:
    """Raise BadModelFile for a function that no request could reach by its name, or that would stand before another."""
    first, *more = parts = name.split("/")
    if set(parts) & set(UNSENT) or "\\" in name or not name.isprintable():
        raise BadModelFile(f"The name {name[:60]!r} cannot stand in a path.", HINT_NAME)
    if name in taken or (first in OTHERS and more):
        raise BadModelFile(f"The path /{name[:60]} is that of something else.", HINT_NAME)


def _explain_left_out(name: str, error: BadModelFile) -> str:
    return f"The signature {name[:60]!r} cannot be called. {error}"


def _make_further(
    library: tuple[Any, str], functions: Mapping[str, Any], libraries: tuple[Library, ...], model: Any
) -> tuple[dict[str, FunctionRunner], dict[str, BadModelFile]]:
    """Return the runners of signatures by the functions' names, and by theirs why others cannot be called."""
    further: dict[str, FunctionRunner] = {}
    refusals = {}
    for name in sorted(functions):
        try:
            require_path(name_function(name), further)
            further[name_function(name)] = _make_one(library, functions[name], libraries, model)
        except BadModelFile as error:
            refusals[name] = error
    return further, refusals


def _make_one(library: tuple[Any, str], function: Any, libraries: tuple[Library, ...], model: Any) -> FunctionRunner:
    """Return one signature as a runner. Raises BadModelFile for tensors of other kinds than ours."""
    _, inputs = function.structured_input_signature
    outputs = function.structured_outputs
    _require_dense(library, {**inputs, **outputs})
    signature = Signature(
        tuple(describe(name, spec, is_input=True) for name, spec in sorted(inputs.items())),
        tuple(describe(name, spec, is_input=False) for name, spec in sorted(outputs.items())),
    )
    return FunctionRunner(library, function, signature, libraries, ("tensorflow_savedmodel", model))


def _require_dense(library: tuple[Any, str], tensors: Mapping[str, Any]) -> None:
    """Raise BadModelFile for what is made of several tensors, such as a sparse one."""
    for name, spec in tensors.items():
        if not isinstance(spec, library[0].Tensor | library[0].TensorSpec):
            kind = type(spec).__name__
            raise BadModelFile(f"{name!r} is a {kind}, which Open Inference has no counterpart of.", HINT_DENSE)


class SignaturesRunner:
    """Several signatures of one model. `further` are those that are called by their name."""

    def __init__(
        self, usual: FunctionRunner | None, further: Mapping[str, FunctionRunner], left_out: tuple[str, ...]
    ) -> None:
        """Answer by `usual` where no function is named, and by none where it is None. left_out: as of ModelInfo."""
        self._usual, self.further = usual, further
        any_one = usual or next(iter(further.values()))
        self.info = replace(
            any_one.info,
            signature=usual.info.signature if usual else NO_SIGNATURES,
            functions=(*((PREDICT,) if usual else ()), *further),
            further={name: runner.info.signature for name, runner in further.items()},
            left_out=left_out,
        )

    def run(self, inputs: Tensors) -> Tensors:
        """Return the outputs by name of the signature that answers. Raises ModelRefused or ModelFailed."""
        if self._usual is None:
            raise ModelRefused(
                f"The model has no signature {USUAL[0]}.", f"Ask one of its own: {self.info.list_calls()}."
            )
        return self._usual.run(inputs)

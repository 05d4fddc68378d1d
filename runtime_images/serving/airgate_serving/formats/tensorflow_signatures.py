"""The signatures of a SavedModel as functions: one answers where none is named, every other by its own name.

That one is `serving_default`, or what else is called as if it were meant, or the only one there is.
"""

from collections.abc import Mapping
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
HINT_DENSE = "Export the model with dense tensors of numbers or texts."
NO_SIGNATURES = Signature((), ())


def make_runner(
    library: tuple[Any, str], model: Any, libraries: tuple[Library, ...]
) -> "FunctionRunner | SignaturesRunner":
    """Return the signatures of a loaded model as a runner. Raises BadModelFile where none can be asked."""
    functions = {name: function for name, function in model.signatures.items() if name not in INTERNAL}
    chosen = choose_signature(list(functions))
    usual = _make_one(library, functions.pop(chosen), libraries, model) if chosen else None
    further, refusals = {}, []
    for name in sorted(functions):
        try:
            further[name_function(name)] = _make_one(library, functions[name], libraries, model)
        except BadModelFile as error:
            refusals.append(error)
    if usual and not further:
        return usual
    if not usual and not further:
        raise refusals[0]
    return SignaturesRunner(usual, further)


def choose_signature(names: list[str]) -> str:
    """Return the signature that answers where none is named, empty where none is meant to. Raises BadModelFile."""
    if not names:
        raise BadModelFile("The SavedModel has no signatures.", HINT_EXPORT)
    return next((name for name in USUAL if name in names), names[0] if len(names) == 1 else "")


def name_function(signature: str) -> str:
    """Return the last part of the path of a further signature."""
    return signature + TAKEN if signature == PREDICT else signature


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

    def __init__(self, usual: FunctionRunner | None, further: Mapping[str, FunctionRunner]) -> None:
        """Answer by `usual` where no function is named, and by none where it is None."""
        self._usual, self.further = usual, further
        any_one = usual or next(iter(further.values()))
        self.info = replace(
            any_one.info,
            signature=usual.info.signature if usual else NO_SIGNATURES,
            functions=(*((PREDICT,) if usual else ()), *further),
            further={name: runner.info.signature for name, runner in further.items()},
        )

    def run(self, inputs: Tensors) -> Tensors:
        """Return the outputs by name of the signature that answers. Raises ModelRefused or ModelFailed."""
        if self._usual is None:
            raise ModelRefused(
                f"The model has no signature {USUAL[0]}.", f"Ask one of its own: {self.info.list_calls()}."
            )
        return self._usual.run(inputs)

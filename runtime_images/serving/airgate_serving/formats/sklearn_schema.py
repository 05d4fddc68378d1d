"""The signature of a fitted scikit-learn estimator, as far as the estimator tells.

Columns that were fitted by name become one input each; a bare matrix becomes the one input `X`. Encoders tell which
values a column may have, scalers which value is usual.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from airgate_serving.formats.interface import PREDICTED, PROBABILITIES
from airgate_serving.tensors import ANY, Array, Scalar, Signature, TensorSpec, find_datatype

MATRIX = "X"
TRANSFORMED = "TransformedValue"


def describe_model(model: Any) -> Signature:
    """Return inputs, outputs and task of a fitted estimator or pipeline."""
    return Signature(describe_inputs(model), describe_outputs(model), find_task(model))


def describe_inputs(model: Any) -> tuple[TensorSpec, ...]:
    """Return one input a named column, or one matrix, or one list of texts."""
    if takes_texts(model):
        return (TensorSpec(MATRIX, "BYTES", (ANY,), sample=["a text"]),)
    usual = find_usual_values(model)
    names = find_column_names(model)
    if not names:
        width = int(getattr(model, "n_features_in_", ANY))
        row = [usual.get(column, 0.0) for column in range(max(width, 1))]
        return (TensorSpec(MATRIX, "FP64", (ANY, width), sample=[row]),)
    choices = find_choices(model)
    return tuple(
        _describe_column(name, choices.get(name, ()), usual.get(name, usual.get(place, 0.0)))
        for place, name in enumerate(names)
    )


def describe_outputs(model: Any) -> tuple[TensorSpec, ...]:
    """Return PredictedValue and, where the model has them, Probabilities; a transformer gives TransformedValue."""
    if not hasattr(model, "predict"):
        return (TensorSpec(TRANSFORMED, "FP64", (ANY, ANY)),)
    classes = find_classes(model)
    datatype = find_datatype(np.asarray(classes).dtype) if classes else "FP64"
    predicted = TensorSpec(PREDICTED, datatype, (ANY,), values=classes)
    if not classes or not hasattr(model, "predict_proba"):
        return (predicted,)
    return (predicted, TensorSpec(PROBABILITIES, "FP64", (ANY, len(classes)), values=classes))


def refine_output(spec: TensorSpec, answer: Array) -> TensorSpec:
    """Return an output with the datatype and the shape that an answer of one row showed."""
    shape = (ANY, *answer.shape[1:]) if answer.ndim else ()
    return TensorSpec(spec.name, find_datatype(answer.dtype), shape, spec.sample, spec.values)


def find_task(model: Any) -> str:
    """Return the task by the estimator's own type."""
    from sklearn.base import is_classifier, is_clusterer, is_regressor

    asked = {"classification": is_classifier, "regression": is_regressor, "clustering": is_clusterer}
    return next((task for task, is_it in asked.items() if is_it(model)), "")


def find_column_names(model: Any) -> tuple[str, ...]:
    """Return the names of the columns the model was fitted with, or nothing for a bare matrix."""
    return tuple(str(name) for name in getattr(model, "feature_names_in_", ()))


def find_classes(model: Any) -> tuple[Scalar, ...]:
    """Return the classes of a classifier with one target."""
    classes = getattr(model, "classes_", None)
    if not isinstance(classes, np.ndarray) or classes.ndim != 1:
        return ()
    return tuple(classes.tolist())


def takes_texts(model: Any) -> bool:
    """Return whether the first step reads a list of texts, as vectorizers do."""
    first = next(walk_first_steps(model))
    return type(first).__module__.startswith("sklearn.feature_extraction.text")


def needs_frame(model: Any) -> bool:
    """Return whether columns are picked by name or hold text, so that the model needs a DataFrame."""
    return any(type(step).__name__ == "ColumnTransformer" for step in walk_first_steps(model)) or bool(
        find_choices(model)
    )


def walk_first_steps(model: Any) -> Iterator[Any]:
    """Yield what data meets first: the model, and the first step of each pipeline in it, outermost last."""
    while hasattr(model, "steps") and model.steps:
        model = model.steps[0][1]
    yield model


def find_choices(model: Any) -> dict[str, tuple[Scalar, ...]]:
    """Return, for each column that an encoder knows, the values it was fitted with."""
    found: dict[str, tuple[Scalar, ...]] = {}
    for encoder in _walk_encoders(next(walk_first_steps(model))):
        for name, values in zip(find_column_names(encoder), encoder.categories_, strict=False):
            found[name] = tuple(values.tolist())
    return found


def _walk_encoders(step: Any) -> Iterator[Any]:
    """Yield the fitted encoders that raw columns go through: the step itself or a column transformer's parts."""
    for _, part, _ in getattr(step, "transformers_", ()):
        if hasattr(part, "get_params"):
            yield from _walk_encoders(next(walk_first_steps(part)))
    if hasattr(step, "categories_"):
        yield step


def find_usual_values(model: Any) -> dict[str | int, float]:
    """Return a usual value of each column, by its name or else its place, where what it meets first has learned one."""
    first = next(walk_first_steps(model))
    usual = dict(enumerate(_read_usual(first)))
    named: dict[str | int, float] = {}
    for _, part, columns in getattr(first, "transformers_", ()):
        if hasattr(part, "get_params"):
            inner = next(walk_first_steps(part))
            named |= zip(find_column_names(inner) or _list_places(columns), _read_usual(inner), strict=False)
    return usual | named


def _list_places(columns: Any) -> list[int]:
    """Return the places of columns that a column transformer was given by number; nothing else is told."""
    return columns if isinstance(columns, list) and all(isinstance(one, int) for one in columns) else []


def _read_usual(step: Any) -> list[float]:
    """Return what a scaler or an imputer has learned of each column: a mean, a median, or the middle of a range."""
    middle = (getattr(step, "data_min_", np.nan) + getattr(step, "data_max_", np.nan)) / 2
    for learned in (*(getattr(step, name, None) for name in ("mean_", "center_", "statistics_")), middle):
        if isinstance(learned, np.ndarray) and learned.ndim == 1 and learned.dtype.kind == "f":
            return [round(float(value), 3) if np.isfinite(value) else 0.0 for value in learned]
    return []


def _describe_column(name: str, choices: tuple[Scalar, ...], usual: float) -> TensorSpec:
    if choices:
        datatype = find_datatype(np.asarray(choices).dtype)
        return TensorSpec(name, datatype, (ANY,), sample=[choices[0]], values=choices)
    return TensorSpec(name, "FP64", (ANY,), sample=[usual])

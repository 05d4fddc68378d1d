"""scikit-learn estimators and pipelines, and estimators of its kind, saved by pickle, joblib or skops."""

import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from airgate_serving.errors import BadModelFile, ModelFailed, ModelRefused
from airgate_serving.formats import sklearn_schema as schema
from airgate_serving.formats.interface import PREDICTED, PROBABILITIES, Library, LoadOptions, ModelInfo
from airgate_serving.formats.pickles import HINT_SAVE, find_sklearn_version, read_object
from airgate_serving.formats.skops_file import find_skops_version, is_skops, read_skops
from airgate_serving.formats.versions import require_readable
from airgate_serving.tensors import DATATYPES, Array, Signature, Tensors


def load(path: Path, options: LoadOptions) -> "SklearnRunner":
    """Return the estimator in `path`. Raises BadModelFile or one of its kin with one sentence."""
    import sklearn

    warnings.filterwarnings("ignore", message="X does not have valid feature names")  # handed over so on purpose
    in_zip = is_skops(path)
    made_with = find_skops_version(path) if in_zip else find_sklearn_version(path)
    library = Library("scikit-learn", made_with, sklearn.__version__)
    require_readable((library,))
    model = read_skops(path, options.scanned) if in_zip else read_object(path, options.scanned)
    if not (hasattr(model, "predict") or hasattr(model, "transform")) or isinstance(model, type):
        raise BadModelFile(
            f"The file holds {_explain_type(model)}, which is not a model: it has no predict.", HINT_SAVE
        )
    _check_fitted(model)
    return SklearnRunner(model, options.threads, (library, Library("numpy", "", np.__version__)))


def _check_fitted(model: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise BadModelFile(f"The {type(model).__name__} in the file was never fitted.", "Call fit() first.") from error
    except TypeError as error:
        raise BadModelFile(f"The {_explain_type(model)} in the file is not an estimator.", HINT_SAVE) from error


def _explain_type(value: object) -> str:
    name = type(value).__name__
    return f"an {name}" if name[0].lower() in "aeiou" else f"a {name}"


class SklearnRunner:
    """An estimator with its signature; predictions come with probabilities where it has them."""

    def __init__(self, model: Any, threads: int, libraries: tuple[Library, ...]) -> None:
        """Read the signature and settle how rows are handed over."""
        self.model = model
        self._threads = threads
        self._columns = schema.find_column_names(model)
        self._as_frame = schema.needs_frame(model)
        self.info = ModelInfo(
            schema.describe_model(model),
            platform="sklearn",
            engine="scikit-learn",
            device="CPU",
            libraries=libraries,
        )
        self.info = replace(self.info, signature=self._refine(self.info.signature))

    def _refine(self, signature: Signature) -> Signature:
        """Return the signature with the outputs' datatypes and ranks as a sample showed them."""
        inputs = {spec.name: np.array(spec.sample, dtype=DATATYPES[spec.datatype]) for spec in signature.inputs}
        try:
            answers = {spec.name: self._ask(spec.name, inputs) for spec in signature.outputs}
        except Exception:  # noqa: BLE001 - a sample need not fit; the signature then says what the estimator says
            return signature
        outputs = tuple(schema.refine_output(spec, answers[spec.name]) for spec in signature.outputs)
        return Signature(signature.inputs, outputs, signature.task)

    def run(self, inputs: Tensors) -> Tensors:
        """Return PredictedValue and Probabilities. Raises ModelRefused or ModelFailed."""
        import joblib

        try:
            with joblib.parallel_config("threading", n_jobs=self._threads):
                return {spec.name: self._ask(spec.name, inputs) for spec in self.info.signature.outputs}
        except (ValueError, TypeError, KeyError) as error:
            raise ModelRefused(f"The model refused the values: {str(error).strip()[:300]}") from error
        except Exception as error:
            raise ModelFailed(f"The model failed: {type(error).__name__}: {str(error)[:300]}") from error

    def _arrange(self, inputs: Tensors) -> Any:
        """Return what the estimator's predict takes: a matrix, a list of texts or a DataFrame."""
        if not self._columns:
            return inputs[schema.MATRIX]
        columns = {name: inputs[name].reshape(-1) for name in self._columns}
        if not self._as_frame:
            return np.column_stack(list(columns.values()))
        import pandas

        return pandas.DataFrame(columns)

    def _ask(self, output: str, inputs: Tensors) -> Array:
        return _settle(getattr(self.model, _METHODS[output])(self._arrange(inputs)))


_METHODS = {
    PREDICTED: "predict",
    PROBABILITIES: "predict_proba",
    schema.TRANSFORMED: "transform",
}


def _settle(answer: Any) -> Array:
    """Return the answer as a plain array; sparse ones are filled, texts are objects."""
    array = np.asarray(answer.toarray() if hasattr(answer, "toarray") else answer)
    return array.astype(object) if array.dtype.kind == "U" else array

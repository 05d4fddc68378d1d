"""One converter a format, over the well-kept libraries for it; they are imported inside."""

from collections.abc import Callable
from typing import Any

from airgate_serving.errors import BadModelFile, MissingLibrary
from airgate_serving.formats.interface import Runner
from airgate_serving.formats.sklearn_schema import needs_frame
from airgate_serving.tensors import ANY, TensorSpec

HINT_INSTALL = "Install it in the project's folder with: pip install '.[convert]'."
HINT_OTHER = "Serve the file as it is."
OPSET = 17  # the newest one that all converters and the last years' runtimes know


def convert(runner: Runner) -> bytes:
    """Return the model as ONNX. Raises BadModelFile for one that cannot be, MissingLibrary without the converters."""
    converter = _CONVERTERS.get(runner.info.platform)
    if converter is None:
        raise BadModelFile(f"A model of {runner.info.engine} is not converted to ONNX here.", HINT_OTHER)
    try:
        return _free_rows(converter(runner))
    except ImportError as error:
        raise MissingLibrary(f"The converter is not installed: {error}.", HINT_INSTALL) from error
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise BadModelFile(f"The converter gives up: {reason}", HINT_OTHER) from error


def _convert_sklearn(runner: Any) -> Any:
    from skl2onnx import convert_sklearn
    from skl2onnx.common import data_types

    specs = runner.info.signature.inputs
    if len(specs) > 1 and not needs_frame(runner.model):
        specs = (TensorSpec("X", "FP32", (ANY, len(specs))),)
    kinds = {"BYTES": data_types.StringTensorType, "INT64": data_types.Int64TensorType}
    inputs = [(spec.name, kinds.get(spec.datatype, data_types.FloatTensorType)(_find_shape(spec))) for spec in specs]
    options = {id(runner.model): {"zipmap": False}} if runner.info.signature.task == "classification" else None
    return convert_sklearn(runner.model, initial_types=inputs, options=options, target_opset=OPSET)


def _find_shape(spec: TensorSpec) -> list[int | None]:
    """Return a column as [rows, 1], a matrix as [rows, columns]."""
    return [None, spec.shape[1] if len(spec.shape) > 1 and spec.shape[1] != ANY else 1]


def _convert_xgboost(runner: Any) -> Any:
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    booster = runner.booster.copy()
    booster.feature_names = None  # the converter wants its own
    return convert_xgboost(booster, initial_types=[("X", FloatTensorType([None, booster.num_features()]))])


def _convert_lightgbm(runner: Any) -> Any:
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    width = runner.booster.num_feature()
    return convert_lightgbm(runner.booster, initial_types=[("X", FloatTensorType([None, width]))], zipmap=False)


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "sklearn": _convert_sklearn,
    "xgboost": _convert_xgboost,
    "lightgbm": _convert_lightgbm,
}


def _free_rows(model: Any) -> bytes:
    """Return the model's bytes, its outputs' first dimension of any size: one converter fixes it at 1."""
    for output in model.graph.output:
        dimensions = output.type.tensor_type.shape.dim
        if len(dimensions):
            dimensions[0].dim_param = "N"
    content: bytes = model.SerializeToString()
    return content

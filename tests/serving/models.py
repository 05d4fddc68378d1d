"""Makes the models that the suite serves: small, seeded, of every format."""

import pickle
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import onnx
import pandas as pd
import skops.io
import xgboost
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tests.serving.pmml_models import make_iris_tree

WIDTH, CLASSES = 64, 10
ML = "ai.onnx.ml"
IR_VERSION = 9


def write_all(folder: Path) -> Path:
    """Write every model into the folder and return it."""
    (folder / "mlp.onnx").write_bytes(make_mlp().SerializeToString())
    (folder / "mean_of_rows.onnx").write_bytes(make_across_rows().SerializeToString())
    (folder / "upper.onnx").write_bytes(make_text_model().SerializeToString())
    (folder / "two_inputs.onnx").write_bytes(make_two_inputs().SerializeToString())
    (folder / "texts.onnx").write_bytes(make_text_matrix().SerializeToString())
    (folder / "map.onnx").write_bytes(make_map_model().SerializeToString())
    (folder / "sequence.onnx").write_bytes(make_sequence_model().SerializeToString())
    _write_sklearn(folder)
    _write_boosted(folder)
    return folder


def make_mlp() -> onnx.ModelProto:
    """Return a network of two layers: x [N, 64] -> y [N, 10], probabilities."""
    random = np.random.default_rng(0)
    weights = [_make_weight(random, name, shape) for name, shape in _MLP_WEIGHTS.items()]
    nodes = [
        helper.make_node("Gemm", ["x", "w1", "b1"], ["hidden"]),
        helper.make_node("Relu", ["hidden"], ["active"]),
        helper.make_node("Gemm", ["active", "w2", "b2"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["y"]),
    ]
    return _make_model(nodes, [_float("x", ["N", WIDTH])], [_float("y", ["N", CLASSES])], weights)


_MLP_WEIGHTS = {"w1": (WIDTH, WIDTH), "b1": (WIDTH,), "w2": (WIDTH, CLASSES), "b2": (CLASSES,)}


def make_across_rows() -> onnx.ModelProto:
    """Return a model whose rows depend on each other: it subtracts the mean over all rows."""
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0], keepdims=1),
        helper.make_node("Sub", ["x", "mean"], ["y"]),
    ]
    return _make_model(nodes, [_float("x", ["N", 2])], [_float("y", ["N", 2])], [])


def make_text_model() -> onnx.ModelProto:
    """Return a model of texts: capital letters of what it is given."""
    nodes = [helper.make_node("StringNormalizer", ["text"], ["upper"], case_change_action="UPPER", locale="C")]
    text = helper.make_tensor_value_info("text", TensorProto.STRING, ["N"])
    upper = helper.make_tensor_value_info("upper", TensorProto.STRING, ["N"])
    return _make_model(nodes, [text], [upper], [])


def make_text_matrix() -> onnx.ModelProto:
    """Return a model of rows of two texts, which it turns around: [N, 2] -> [N, 2]."""
    swap = numpy_helper.from_array(np.array([1, 0], dtype=np.int64), "swap")
    nodes = [helper.make_node("Gather", ["texts", "swap"], ["turned"], axis=1)]
    specs = [helper.make_tensor_value_info(name, TensorProto.STRING, ["N", 2]) for name in ("texts", "turned")]
    return _make_model(nodes, specs[:1], specs[1:], [swap])


def make_two_inputs() -> onnx.ModelProto:
    """Return a model of a whole number and a fraction a row: total = count * price."""
    nodes = [
        helper.make_node("Cast", ["count"], ["as_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["as_float", "price"], ["total"]),
    ]
    count = helper.make_tensor_value_info("count", TensorProto.INT32, ["N"])
    return _make_model(nodes, [count, _float("price", ["N"])], [_float("total", ["N"])], [])


def make_map_model() -> onnx.ModelProto:
    """Return a model of a map of text to number: vector [1, 3] of a, b and c, and their sum, total [1]."""
    nodes = [
        helper.make_node("DictVectorizer", ["x"], ["vector"], domain=ML, string_vocabulary=["a", "b", "c"]),
        helper.make_node("ReduceSum", ["vector", "axes"], ["total"], keepdims=0),
    ]
    kind = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    outputs = [_float("vector", [1, 3]), _float("total", [1])]
    axes = numpy_helper.from_array(np.array([1], dtype=np.int64), "axes")
    return _make_model(nodes, [helper.make_value_info("x", kind)], outputs, [axes])


def make_sequence_model() -> onnx.ModelProto:
    """Return a model of a sequence of [N, 2] and a factor: scaled [M, 2] of all of them, and the parts themselves."""
    nodes = [
        helper.make_node("ConcatFromSequence", ["parts"], ["joined"], axis=0),
        helper.make_node("Mul", ["joined", "factor"], ["scaled"]),
        helper.make_node("SequenceErase", ["parts", "last"], ["others"]),
    ]
    parts = helper.make_tensor_sequence_value_info("parts", TensorProto.FLOAT, ["N", 2])
    others = helper.make_tensor_sequence_value_info("others", TensorProto.FLOAT, None)
    last = numpy_helper.from_array(np.array(-1, dtype=np.int64), "last")
    return _make_model(nodes, [parts, _float("factor", [])], [_float("scaled", ["M", 2]), others], [last])


def _write_sklearn(folder: Path) -> None:
    frame, target = load_iris(return_X_y=True, as_frame=True)
    iris = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(frame, target)
    forest = RandomForestClassifier(20, random_state=0).fit(frame.to_numpy(), target)
    (folder / "iris.pkl").write_bytes(pickle.dumps(iris))
    joblib.dump(forest, folder / "forest.joblib")
    joblib.dump(iris, folder / "iris.joblib.gz", compress=("gzip", 3))
    (folder / "diabetes.pkl").write_bytes(pickle.dumps(_make_regression()))
    (folder / "fruit.pkl").write_bytes(pickle.dumps(make_fruit()))
    (folder / "words.pkl").write_bytes(pickle.dumps(_make_words()))
    zipmap = to_onnx(iris[-1], np.zeros((1, 4), dtype=np.float32))
    (folder / "iris.onnx").write_bytes(zipmap.SerializeToString())


def _write_boosted(folder: Path) -> None:
    frame, target = load_iris(return_X_y=True, as_frame=True)
    xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(frame, target).save_model(folder / "iris.json")
    trees = lightgbm.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1).fit(frame, target)
    trees.booster_.save_model(folder / "iris.txt")
    (folder / "iris.pmml").write_text(make_iris_tree()[0])
    skops.io.dump(RandomForestClassifier(5, random_state=0).fit(frame, target), folder / "iris.skops")


def _make_regression() -> Any:
    columns, target = load_diabetes(return_X_y=True)
    return LinearRegression().fit(columns, target)


def make_fruit() -> Any:
    """Return a classifier of a text column and a number column, with text classes."""
    frame = pd.DataFrame({"colour": ["red", "yellow", "red", "green"], "grams": [150.0, 120.0, 10.0, 170.0]})
    columns = ColumnTransformer([("colour", OneHotEncoder(), ["colour"]), ("grams", StandardScaler(), ["grams"])])
    return make_pipeline(columns, LogisticRegression()).fit(frame, ["apple", "banana", "cherry", "apple"])


def _make_words() -> Any:
    texts = ["good fine nice", "bad awful", "nice good", "awful bad sad"]
    return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, ["up", "down", "up", "down"])


def _make_weight(random: np.random.Generator, name: str, shape: tuple[int, ...]) -> onnx.TensorProto:
    return numpy_helper.from_array((random.random(shape) - 0.5).astype(np.float32), name)


def _float(name: str, shape: list[Any]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _make_model(nodes: list[Any], inputs: list[Any], outputs: list[Any], weights: list[Any]) -> onnx.ModelProto:
    graph = helper.make_graph(nodes, "test", inputs, outputs, weights)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid(ML, 3)], producer_name="airgate-tests"
    )
    model.ir_version = IR_VERSION
    return model

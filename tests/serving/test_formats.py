"""Model files of ONNX and scikit-learn: what they say of themselves, what they answer, and how bad ones are refused."""

import os
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler

from airgate_serving.errors import BadModelFile, DangerousModelFile, MissingLibrary, ModelRefused
from airgate_serving.formats.interface import LoadOptions, Runner
from airgate_serving.formats.onnx import choose_providers
from airgate_serving.formats.onnx_runner import PROVIDER_CPU
from airgate_serving.formats.safety import judge_name
from airgate_serving.formats.table import guess_format, load


def open_model(path: Path) -> Runner:
    """Load a file as what its bytes say."""
    return load(path, guess_format(path), LoadOptions())


@pytest.mark.parametrize(
    ("file", "guess"),
    [("mlp.onnx", "onnx"), ("iris.pkl", "sklearn"), ("forest.joblib", "sklearn"), ("iris.joblib.gz", "sklearn")],
)
def test_the_format_is_read_from_the_bytes_not_from_the_name(model_folder, tmp_path, file, guess) -> None:
    """A model file may be called anything."""
    renamed = tmp_path / "model.bin"
    renamed.write_bytes((model_folder / file).read_bytes())
    assert guess_format(renamed) == guess
    open_model(renamed)


def test_named_columns_become_inputs_with_their_usual_values(model_folder) -> None:
    """The form shows the columns of the training data, filled with their means."""
    signature = open_model(model_folder / "iris.pkl").info.signature
    assert signature.inputs[0].name == "sepal length (cm)" and signature.inputs[0].sample == [5.843]
    assert signature.task == "classification"


def test_text_columns_know_their_possible_values(model_folder) -> None:
    """The form offers the values the encoder was trained with, and text classes come back as texts."""
    runner = open_model(model_folder / "fruit.pkl")
    colour, grams = runner.info.signature.inputs
    assert colour.datatype == "BYTES" and colour.values == ("green", "red", "yellow")
    assert grams.datatype == "FP64" and grams.values == ()
    answer = runner.run({"colour": np.array(["red"], dtype=object), "grams": np.array([12.0])})
    assert answer["PredictedValue"].tolist() == ["cherry"]
    assert runner.info.signature.outputs[1].values == ("apple", "banana", "cherry")


@pytest.mark.parametrize(
    ("step", "usual"),
    [(StandardScaler(), 40.0), (RobustScaler(), 30.0), (MinMaxScaler(), 45.0), (SimpleImputer(), 40.0)],
)
def test_usual_values_are_found_behind_a_column_transformer(tmp_path, step, usual) -> None:
    """Each column's own scaler or imputer knows what is usual there, wherever the column stands."""
    rows = pd.DataFrame({"ward": ["a", "b", "a"], "age": [20.0, 30.0, 70.0]})
    parts = [("age", make_pipeline(step), ["age"]), ("ward", OneHotEncoder(), ["ward"])]
    model = make_pipeline(ColumnTransformer(parts), LogisticRegression()).fit(rows, ["x", "y", "x"])
    ward, age = open_model(write(tmp_path / "model", pickle.dumps(model))).info.signature.inputs
    assert (ward.values, age.sample) == (("a", "b"), [usual])


def test_a_vectorizer_takes_texts(model_folder) -> None:
    """A text classifier has one input of texts."""
    runner = open_model(model_folder / "words.pkl")
    answer = runner.run({"X": np.array(["nice", "sad"], dtype=object)})
    assert answer["PredictedValue"].tolist() == ["up", "down"]


def test_a_regression_has_no_probabilities(model_folder) -> None:
    """What a model does not know is not made up."""
    runner = open_model(model_folder / "diabetes.pkl")
    assert [spec.name for spec in runner.info.signature.outputs] == ["PredictedValue"]
    assert runner.info.signature.task == "regression"


def test_outputs_are_described_as_they_come(tmp_path) -> None:
    """Two targets at once, or clusters: the signature says what will be answered."""
    rows = np.random.default_rng(0).random((30, 3))
    both = write(tmp_path / "both", pickle.dumps(LinearRegression().fit(rows, rows[:, :2])))
    assert open_model(both).info.signature.outputs[0].shape == (-1, 2)
    clusters = open_model(write(tmp_path / "clusters", pickle.dumps(KMeans(2, n_init=1).fit(rows))))
    assert clusters.info.signature.outputs[0].datatype == "INT32" and clusters.info.signature.task == "clustering"


def test_a_bare_matrix_is_one_input(model_folder) -> None:
    """A forest fitted on an array takes an array."""
    runner = open_model(model_folder / "forest.joblib")
    assert [(spec.name, spec.shape) for spec in runner.info.signature.inputs] == [("X", (-1, 4))]
    answer = runner.run({"X": np.array([[5.1, 3.5, 1.4, 0.2]])})
    assert answer["PredictedValue"].tolist() == [0] and answer["Probabilities"].shape == (1, 3)


def test_maps_of_a_classifier_become_a_matrix_with_named_columns(model_folder) -> None:
    """A classifier exported with maps answers the same numbers as the original, class by class."""
    runner = open_model(model_folder / "iris.onnx")
    label, probabilities = runner.info.signature.outputs
    assert label.values == (0, 1, 2) and probabilities.values == (0, 1, 2)
    assert probabilities.shape == (-1, 3) and runner.info.signature.task == "classification"
    answer = runner.run({"X": np.array([[0.1, 0.2, 0.3, 0.4]] * 2, dtype=np.float32)})
    assert answer[probabilities.name].shape == (2, 3)


def test_texts_go_through_onnx(model_folder) -> None:
    """ONNX models of texts work like the others."""
    assert open_model(model_folder / "upper.onnx").run({"text": np.array(["abc"], dtype=object)})["upper"] == ["ABC"]


def test_a_model_refuses_values_with_its_own_words(model_folder) -> None:
    """A model's complaint reaches the caller."""
    with pytest.raises(ModelRefused, match="refused"):
        open_model(model_folder / "fruit.pkl").run(
            {"colour": np.array(["blue"], dtype=object), "grams": np.array([1.0])}
        )


class Evil:
    """A pickle that would run a command."""

    def __reduce__(self) -> Any:
        return os.system, ("true",)


class Traveller:
    """A class that stays at home."""


def write(path: Path, content: bytes) -> Path:
    """Write a file and return its path."""
    path.write_bytes(content)
    return path


def test_an_empty_file_is_refused(tmp_path) -> None:
    """An empty upload is named as such."""
    with pytest.raises(BadModelFile, match="empty"):
        guess_format(write(tmp_path / "m", b""))


def test_a_file_of_no_known_format_is_refused(tmp_path) -> None:
    """A spreadsheet is not a model."""
    with pytest.raises(BadModelFile, match="no format"):
        guess_format(write(tmp_path / "m", b"a;b;c\n1;2;3\n"))


def test_a_truncated_onnx_file_is_refused_with_both_sizes(tmp_path, model_folder) -> None:
    """A copy that was cut short says so, instead of a parser's complaint."""
    whole = (model_folder / "mlp.onnx").read_bytes()
    with pytest.raises(BadModelFile, match=f"announces {len(whole)}|cut short"):
        open_model(write(tmp_path / "m", whole[: len(whole) // 2]))


@pytest.mark.parametrize("file", ["iris.pkl", "forest.joblib", "iris.joblib.gz"])
def test_a_truncated_pickle_is_refused(tmp_path, model_folder, file) -> None:
    """So does a pickle, wherever it was cut: among opcodes, in the middle of an array, or within a compressed block."""
    whole = (model_folder / file).read_bytes()
    for tenth in range(4, 10):
        with pytest.raises(BadModelFile, match="cut short"):
            open_model(write(tmp_path / "m", whole[: len(whole) * tenth // 10]))


def test_a_pickle_that_is_no_model_is_refused(not_a_model) -> None:
    """The sentence says what is in the file."""
    with pytest.raises(BadModelFile, match="a dict, which is not a model"):
        open_model(not_a_model)


def test_a_model_that_was_never_fitted_is_refused(tmp_path) -> None:
    """It would fail at its first prediction; it is told at upload."""
    with pytest.raises(BadModelFile, match="never fitted"):
        open_model(write(tmp_path / "m", pickle.dumps(LogisticRegression())))


def test_a_class_of_the_users_script_is_refused(tmp_path) -> None:
    """A pickle does not carry its classes; the sentence says which one is missing."""
    content = pickle.dumps(Traveller()).replace(Traveller.__module__.encode(), b"__main__".ljust(29, b"_"))
    content = pickle.dumps(Traveller(), protocol=2).replace(Traveller.__module__.encode(), b"__main__")
    with pytest.raises(BadModelFile, match="Traveller"):
        open_model(write(tmp_path / "m", content))


def test_a_library_that_is_not_here_is_named(tmp_path) -> None:
    """A model of another library says which runtime it needs."""
    content = b"\x80\x02cnot_here_at_all\nModel\nq\x00)\x81q\x01."
    with pytest.raises(MissingLibrary, match="not_here_at_all"):
        open_model(write(tmp_path / "m", content))


@pytest.mark.parametrize(
    "save", [lambda path: path.write_bytes(pickle.dumps(Evil())), lambda p: joblib.dump(Evil(), p)]
)
def test_a_pickle_that_would_run_a_command_is_not_opened(tmp_path, save) -> None:
    """The sentence names what the file would have called."""
    save(tmp_path / "m")
    with pytest.raises(DangerousModelFile, match="system"):
        open_model(tmp_path / "m")


def test_a_pickle_hidden_in_a_joblib_array_is_not_opened(tmp_path) -> None:
    """joblib opens arrays of objects by an unpickler of its own; the guard watches that one too."""
    joblib.dump({"array": np.array([Evil(), 1], dtype=object)}, tmp_path / "m")
    with pytest.raises(DangerousModelFile, match="system"):
        open_model(tmp_path / "m")


@pytest.mark.parametrize(
    ("module", "name", "allowed"),
    [
        ("sklearn.linear_model._logistic", "LogisticRegression", True),
        ("numpy._core.multiarray", "_reconstruct", True),
        ("numpy", "dtype", True),
        ("builtins", "eval", False),
        ("builtins", "getattr", False),
        ("os", "system", False),
        ("posix", "system", False),
        ("numpy", "testing._private.utils.runstring", False),
        ("numpy.testing._private.utils", "runstring", False),
        ("numpy.f2py.crackfortran", "myeval", False),
        ("pandas.core.computation.eval", "eval", False),
        ("sklearn.datasets._openml", "fetch_openml", False),
        ("joblib.memory", "Memory", False),
        ("sklearn_evil", "Model", False),
    ],
)
def test_names_are_judged_by_what_models_need(module, name, allowed) -> None:
    """The list of what a pickle may name is short, and the known ways around it are not on it."""
    assert judge_name(module, name) is allowed


def test_the_best_provider_that_is_there_is_chosen() -> None:
    """A card is used when it was granted and the runtime can; otherwise the CPU."""
    built = ["TensorrtExecutionProvider", "CUDAExecutionProvider", PROVIDER_CPU]
    assert choose_providers(built, nvidia=True) == built[1:]
    assert choose_providers(built, nvidia=False) == [PROVIDER_CPU]
    assert choose_providers([PROVIDER_CPU], nvidia=True) == [PROVIDER_CPU]


def test_what_can_be_uploaded_is_named_in_full(tmp_path):
    """A file of no known format is answered with every kind there is, archives too."""
    (tmp_path / "m").write_bytes(b"nothing of the kind")
    with pytest.raises(BadModelFile) as refused:
        guess_format(tmp_path / "m")
    assert all(
        kind in refused.value.hint for kind in ("ONNX", "pickle", "XGBoost", "LightGBM", ".py", ".zip", "MLflow")
    )

"""XGBoost, LightGBM and skops files: each answers what its own library answers, and says what it is."""

import json
import pickle
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
import skops.io
import xgboost
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

from airgate_serving.errors import BadModelFile, DangerousModelFile, MissingLibrary
from airgate_serving.formats import lightgbm as lightgbm_format
from airgate_serving.formats.interface import LoadOptions, Runner
from airgate_serving.formats.table import guess_format, load
from airgate_serving.tensors import Tensors

IRIS, KINDS = load_iris(return_X_y=True, as_frame=True)
CANCER, MALIGNANT = load_breast_cancer(return_X_y=True)
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
QUICK = {"n_estimators": 5}
QUIET = {**QUICK, "verbose": -1}


def open_model(path: Path) -> Runner:
    """Load a file as what its bytes say."""
    return load(path, guess_format(path), LoadOptions())


def split_columns(frame: pd.DataFrame, names: list[str] | None = None) -> Tensors:
    """Return a frame as one input a column."""
    return {name: frame[column].to_numpy() for name, column in zip(names or frame.columns, frame.columns, strict=True)}


@pytest.mark.parametrize("ending", ["json", "ubj"])
def test_an_xgboost_classifier_answers_what_xgboost_answers(tmp_path, ending) -> None:
    """Named columns, text or binary form: classes and probabilities are the library's own, bit by bit."""
    model = xgboost.XGBClassifier(**QUICK).fit(IRIS, KINDS)
    model.save_model(tmp_path / f"m.{ending}")
    runner = open_model((tmp_path / f"m.{ending}").rename(tmp_path / "renamed"))
    answer = runner.run(split_columns(IRIS.astype(np.float32)))
    assert answer["PredictedValue"].tolist() == model.predict(IRIS).tolist()
    assert answer["Probabilities"].tobytes() == model.predict_proba(IRIS).tobytes()
    assert runner.info.signature.inputs[0].name == "sepal length (cm)" and runner.info.signature.task
    assert runner.info.libraries[0].in_file == runner.info.libraries[0].installed == xgboost.__version__


@pytest.mark.parametrize(
    ("parameters", "label", "meaning"),
    [
        ({"objective": "binary:logistic"}, MALIGNANT, "probabilities"),
        ({"objective": "binary:hinge"}, MALIGNANT, "labels"),
        ({"objective": "reg:squarederror"}, CANCER[:, 3], "numbers"),
        ({"objective": "reg:squarederror", "booster": "gblinear"}, CANCER[:, 3], "numbers"),
        ({"objective": "reg:squarederror"}, CANCER[:, :2], "numbers"),
    ],
)
def test_a_bare_booster_answers_what_its_objective_means(tmp_path, parameters, label, meaning) -> None:
    """A booster without names takes a matrix; what comes out is named by what it is."""
    booster = xgboost.train(parameters, xgboost.DMatrix(CANCER, label), 4)
    booster.save_model(tmp_path / "m.ubj")
    runner = open_model(tmp_path / "m.ubj")
    answer = runner.run({"X": CANCER.astype(np.float32)})
    wanted = booster.predict(xgboost.DMatrix(CANCER.astype(np.float32)))
    assert set(answer) == {spec.name for spec in runner.info.signature.outputs}
    if meaning == "probabilities":
        assert answer["Probabilities"][:, 1].tolist() == wanted.tolist()
        assert answer["PredictedValue"].tolist() == (wanted > 0.5).astype(int).tolist()
    else:
        assert answer["PredictedValue"].tolist() == wanted.tolist()
        assert runner.info.signature.outputs[0].shape == (-1, *wanted.shape[1:])


def test_an_estimator_that_was_stopped_early_answers_with_its_best_rounds(tmp_path) -> None:
    """The file gives what the estimator gave, not what it had grown past its best."""
    model = xgboost.XGBRegressor(n_estimators=80, learning_rate=1.0, early_stopping_rounds=2)
    model.fit(DIABETES[:300], PROGRESS[:300], eval_set=[(DIABETES[300:], PROGRESS[300:])], verbose=False)
    assert model.best_iteration + 1 < model.get_booster().num_boosted_rounds()
    model.save_model(tmp_path / "m.json")
    answer = open_model(tmp_path / "m.json").run({"X": DIABETES.astype(np.float32)})
    assert answer["PredictedValue"].tolist() == model.predict(DIABETES).tolist()


def test_a_file_of_a_newer_xgboost_names_the_runtime_it_needs(tmp_path) -> None:
    """Before a pod crash-loops, a person reads which version would fit."""
    xgboost.XGBClassifier(**QUICK).fit(CANCER, MALIGNANT).save_model(tmp_path / "m.json")
    saved = json.loads((tmp_path / "m.json").read_text())
    saved["version"] = [99, 1, 0]
    del saved["learner"]["gradient_booster"]["model"]
    (tmp_path / "m.json").write_text(json.dumps(saved))
    with pytest.raises(MissingLibrary, match=r"saved by XGBoost 99\.1\.0"):
        open_model(tmp_path / "m.json")


@pytest.mark.parametrize(
    ("model", "rows", "label"),
    [
        (lightgbm.LGBMClassifier(**QUIET), CANCER, MALIGNANT),
        (lightgbm.LGBMClassifier(**QUIET), IRIS.to_numpy(), KINDS),
        (lightgbm.LGBMRegressor(**QUIET), DIABETES, PROGRESS),
    ],
)
def test_a_lightgbm_model_answers_what_lightgbm_answers(tmp_path, model, rows, label) -> None:
    """Two classes, three, or a number: the library's own, bit by bit."""
    model.fit(rows, label)
    model.booster_.save_model(tmp_path / "m.txt")
    runner = open_model(tmp_path / "m.txt")
    answer = runner.run({"X": rows})
    assert answer["PredictedValue"].tolist() == model.predict(rows).tolist()
    if hasattr(model, "predict_proba"):
        assert answer["Probabilities"].tolist() == model.predict_proba(rows).tolist()
    low, high = rows[:, 0].min(), rows[:, 0].max()
    assert runner.info.signature.inputs[0].sample[0][0] == pytest.approx((low + high) / 2, abs=1e-2)  # type: ignore[index]


def test_text_columns_of_lightgbm_are_texts(tmp_path) -> None:
    """A DataFrame's categories are in the file; the form offers them, and a new one is a missing value."""
    colours = pd.Categorical(["red", "blue", "green", "blue"] * 25, categories=["green", "red", "blue"])
    frame = pd.DataFrame({"colour": colours, "grams": np.linspace(0, 9, 100)})
    model = lightgbm.LGBMRegressor(**QUIET, min_child_samples=3).fit(frame, (frame.colour == "red") * 5 + frame.grams)
    model.booster_.save_model(tmp_path / "m.txt")
    runner = open_model(tmp_path / "m.txt")
    asked = pd.DataFrame({"colour": ["red", "blue", "purple"], "grams": [1.0, 2.0, 3.0]})
    known = asked.assign(colour=pd.Categorical(["red", "blue", None], categories=["green", "red", "blue"]))
    answer = runner.run(split_columns(asked))["PredictedValue"]
    assert answer.tolist() == model.predict(known).tolist()
    assert runner.info.signature.inputs[0].values == ("green", "red", "blue")


def test_a_file_of_a_newer_lightgbm_is_refused_by_its_format(tmp_path) -> None:
    """The version of the text format is read before the library is asked."""
    lightgbm.LGBMClassifier(**QUIET).fit(CANCER, MALIGNANT).booster_.save_model(tmp_path / "m.txt")
    text = (tmp_path / "m.txt").read_text()
    (tmp_path / "new").write_text(text.replace("version=v4", "version=v9"))
    with pytest.raises(MissingLibrary, match="format v9"):
        open_model(tmp_path / "new")
    (tmp_path / "cut").write_text(text[:100])
    with pytest.raises(BadModelFile, match="before the first tree"):
        open_model(tmp_path / "cut")


def test_where_lightgbm_cannot_start_the_package_is_named(monkeypatch) -> None:
    """LightGBM's wheel lacks one library of the system's."""
    monkeypatch.setitem(__import__("sys").modules, "lightgbm", None)
    monkeypatch.setattr("builtins.__import__", _break_lightgbm(__import__))
    with pytest.raises(MissingLibrary, match="libgomp1"):
        lightgbm_format._import_library()


def _break_lightgbm(real: Any) -> Any:
    def find(name: str, *rest: Any) -> Any:
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file")
        return real(name, *rest)

    return find


@pytest.mark.parametrize("kind", [xgboost.XGBClassifier(**QUICK), lightgbm.LGBMClassifier(**QUIET)])
@pytest.mark.parametrize("ending", ["pkl", "skops"])
def test_estimators_of_its_kind_go_where_scikit_learn_goes(tmp_path, kind, ending) -> None:
    """A pickle of an estimator keeps its own classes; so does skops, without a pickle."""
    path = tmp_path / f"m.{ending}"
    model = kind.fit(IRIS, KINDS)
    path.write_bytes(pickle.dumps(model)) if ending == "pkl" else skops.io.dump(model, path)
    runner = open_model(path)
    answer = runner.run(split_columns(IRIS, [spec.name for spec in runner.info.signature.inputs]))
    assert answer["PredictedValue"].tolist() == model.predict(IRIS).tolist()
    assert answer["Probabilities"].tolist() == model.predict_proba(IRIS).tolist()


def test_skops_opens_what_models_need_and_says_who_saved_it(tmp_path, model_folder) -> None:
    """A pipeline comes back from a zip with its version; the pickle of the same gives the same floats."""
    with (model_folder / "iris.pkl").open("rb") as file:
        model = pickle.load(file)
    skops.io.dump(model, tmp_path / "m")
    runner = open_model(tmp_path / "m")
    assert runner.info.libraries[0].in_file == runner.info.libraries[0].installed
    columns = split_columns(IRIS)
    by_pickle = open_model(model_folder / "iris.pkl").run(columns)
    assert runner.run(columns)["Probabilities"].tobytes() == by_pickle["Probabilities"].tobytes()


class Stranger:
    """A class that no model needs."""


def test_skops_refuses_what_models_do_not_need(tmp_path) -> None:
    """A file that names a class of its own, or of the system's, is not opened."""
    skops.io.dump({"a": Stranger()}, tmp_path / "m")
    with pytest.raises(DangerousModelFile, match="Stranger"):
        open_model(tmp_path / "m")

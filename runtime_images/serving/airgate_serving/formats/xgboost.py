"""XGBoost models in the library's own formats, JSON and UBJSON (`model.save_model("m.json")`, `"m.ubj"`)."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from airgate_serving.errors import BadModelFile, MissingLibrary, ModelFailed, ModelRefused
from airgate_serving.formats.boosted import Meaning, Trees, make_matrix, name_columns, read_scores
from airgate_serving.formats.interface import Library, LoadOptions, ModelInfo
from airgate_serving.formats.versions import FREEZE, read_numbers, require_readable
from airgate_serving.tensors import Array, Tensors

VERSION_JSON = re.compile(rb'"version"\s*:\s*\[\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\]')
VERSION_UBJSON = re.compile(rb"\x07version\[#L.{7}\x03i(.)i(.)i(.)", re.DOTALL)
PROBABLE = {"binary:logistic", "multi:softprob"}
LABELLED = {"binary:hinge", "multi:softmax"}
MEASURING = ("reg:", "count:", "survival:")  # objectives whose scores are amounts
HINT_SAVE = "Save it again with model.save_model('model.json')."


def load(path: Path, options: LoadOptions) -> "XgboostRunner":
    """Return the booster in `path`. Raises BadModelFile or MissingLibrary with one sentence."""
    import xgboost

    booster = xgboost.Booster({"nthread": options.threads})
    made_with, installed = find_version(path), str(xgboost.__version__)
    library = Library("xgboost", made_with, installed)
    require_readable((library,))
    try:
        booster.load_model(bytearray(path.read_bytes()))  # by name it would be guessed at
    except Exception as error:
        raise explain_failure(error, made_with, installed) from error
    booster.set_param({"device": "cpu"})
    return XgboostRunner(booster, (library, Library("numpy", "", np.__version__)))


def find_version(path: Path) -> str:
    """Return the version that saved the file, as the file says, or nothing."""
    content = path.read_bytes()
    found = VERSION_JSON.search(content)
    if found:
        return ".".join(number.decode() for number in found.groups())
    found = VERSION_UBJSON.search(content)
    return ".".join(str(number[0]) for number in found.groups()) if found else ""


def explain_failure(error: Exception, made_with: str, installed: str) -> BadModelFile:
    """Return the sentence for a file that could not be opened: of a newer version, or damaged."""
    reason = _find_reason(error)
    if made_with and read_numbers(made_with) > read_numbers(installed):
        return MissingLibrary(
            f"The file was saved by XGBoost {made_with}; this runtime's {installed} cannot open it ({reason}).",
            f"Choose a runtime with XGBoost {made_with}, make one with {FREEZE}, or save the model again with "
            f"{installed}.",
            {"xgboost": made_with},
        )
    return BadModelFile(f"XGBoost cannot open the model: {reason}", HINT_SAVE)


def _find_reason(error: Exception) -> str:
    """Return the line of an error of XGBoost that says what is wrong; the first one has a time and a place in C++."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return re.sub(r"^\[[\d:]+\] \S+: ", "", lines[0])[:200] if lines else type(error).__name__


def read_trees(booster: Any) -> Trees:
    """Return what a booster says of itself. Raises BadModelFile for one without columns."""
    learner = json.loads(booster.save_config())["learner"]
    model = learner["learner_model_param"]
    objective, classes, targets = learner["objective"]["name"], int(model["num_class"]), int(model["num_target"])
    width = int(booster.num_features())
    if not width:
        raise BadModelFile("The file holds no trees: the booster was never trained.", "Train it before it is saved.")
    names = booster.feature_names
    meaning = find_meaning(objective, targets)
    return Trees(
        columns=name_columns(names or [f"f{place}" for place in range(width)]),
        is_named=bool(names),
        datatype="FP32",
        meaning=meaning,
        task=find_task(objective),
        classes=0 if meaning is Meaning.NUMBERS else max(classes, 2),
        targets=max(targets, classes, 1),
    )


def find_meaning(objective: str, targets: int) -> Meaning:
    """Return what the scores under an objective mean."""
    if objective in PROBABLE and targets <= 1:
        return Meaning.PROBABILITIES
    return Meaning.LABELS if objective in LABELLED else Meaning.NUMBERS


def find_task(objective: str) -> str:
    """Return the task under an objective, or nothing for one that is none of ours."""
    if objective in PROBABLE | LABELLED:
        return "classification"
    return "regression" if objective.startswith(MEASURING) else ""


class XgboostRunner:
    """A booster with its signature."""

    def __init__(self, booster: Any, libraries: tuple[Library, ...]) -> None:
        """Read what the booster says of itself, and settle how it is asked."""
        from xgboost.core import XGBoostError

        self.booster = booster
        self._trees = read_trees(booster)
        self._range = find_range(booster.attributes())
        self._is_linear = json.loads(booster.save_config())["learner"]["gradient_booster"]["name"] == "gblinear"
        self._refusals = (XGBoostError, ValueError, TypeError)
        self.info = ModelInfo(
            self._trees.describe(), platform="xgboost", engine="XGBoost", device="CPU", libraries=libraries
        )

    def run(self, inputs: Tensors) -> Tensors:
        """Return PredictedValue and Probabilities. Raises ModelRefused or ModelFailed."""
        try:
            return read_scores(self._score(make_matrix(inputs, self._trees)), self._trees)
        except self._refusals as error:
            raise ModelRefused(f"The model refused the values: {_find_reason(error)}") from error
        except Exception as error:
            raise ModelFailed(f"The model failed: {type(error).__name__}: {str(error)[:300]}") from error

    def _score(self, matrix: Array) -> Array:
        if not self._is_linear:
            found: Array = self.booster.inplace_predict(matrix, iteration_range=self._range, validate_features=False)
            return found
        import xgboost

        linear: Array = self.booster.predict(xgboost.DMatrix(matrix), validate_features=False)
        return linear


def find_range(attributes: dict[str, str]) -> tuple[int, int]:
    """Return which rounds to use: up to the best for an estimator that was stopped early, as the estimator would."""
    best = attributes.get("best_iteration", "")
    return (0, int(best) + 1) if "scikit_learn" in attributes and best.isdigit() else (0, 0)

"""LightGBM models in the library's own text format (`booster.save_model("m.txt")`)."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from airgate_serving.errors import BadModelFile, MissingLibrary, ModelFailed, ModelRefused
from airgate_serving.formats.boosted import Column, Meaning, Trees, make_matrix, read_scores
from airgate_serving.formats.interface import Library, LoadOptions, ModelInfo
from airgate_serving.tensors import Array, Tensors

KNOWN_VERSIONS = ("v2", "v3", "v4")  # of the text format
UNNAMED = re.compile(r"Column_\d+$")  # the name of a column that was given none
RANGE = re.compile(r"\[([^:\]]+):([^:\]]+)\]$")
PROBABLE = {"binary", "cross_entropy", "multiclass", "multiclassova"}
AMOUNTS = {"regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma", "tweedie"}
HINT_SAVE = "Save it again with booster.save_model('model.txt')."
HINT_LIBRARY = "Install Debian's libgomp1 where this runtime runs."


def load(path: Path, options: LoadOptions) -> "LightgbmRunner":
    """Return the booster in `path`. Raises BadModelFile or MissingLibrary with one sentence."""
    head = read_head(path)
    lightgbm = _import_library()
    try:
        booster = lightgbm.Booster(model_file=str(path))
    except Exception as error:
        raise BadModelFile(f"LightGBM cannot open the model: {str(error)[:200]}", HINT_SAVE) from error
    made_with = Library("lightgbm", f"format {head['version']}", str(lightgbm.__version__))
    libraries = (made_with, Library("numpy", "", np.__version__))
    return LightgbmRunner(booster, read_trees(head, booster.pandas_categorical), options.threads, libraries)


def _import_library() -> Any:
    try:
        import lightgbm
    except OSError as error:
        raise MissingLibrary(f"LightGBM cannot start here: {str(error)[:120]}.", HINT_LIBRARY) from error
    return lightgbm


def read_head(path: Path) -> dict[str, str]:
    """Return the fields before the first tree. Raises BadModelFile or MissingLibrary with one sentence."""
    fields: dict[str, str] = {}
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("Tree="):
                return _check_head(fields)
            name, _, value = line.strip().partition("=")
            fields[name] = value
    raise BadModelFile("The file ends before the first tree.", "Upload the whole file again.")


def _check_head(fields: dict[str, str]) -> dict[str, str]:
    missing = [name for name in ("feature_names", "feature_infos", "num_class", "objective") if name not in fields]
    if missing:
        raise BadModelFile(f"The file is damaged: its head has no {missing[0]}.", HINT_SAVE)
    if fields.get("version") not in KNOWN_VERSIONS:
        raise MissingLibrary(
            f"The file is of LightGBM's format {fields.get('version', '?')[:20]}; this runtime reads "
            f"{', '.join(KNOWN_VERSIONS)}.",
            "Choose a runtime with the LightGBM that saved it, or save it again with an older one.",
        )
    return fields


def read_trees(head: dict[str, str], categorical: list[list[Any]] | None) -> Trees:
    """Return what the head of a file says of the model. `categorical` are the texts of DataFrame columns, in order."""
    names, infos = head["feature_names"].split(" "), head["feature_infos"].split(" ")
    objective = head["objective"].split(" ")[0]
    classes = _read_count(head["num_class"])
    meaning = Meaning.PROBABILITIES if objective in PROBABLE - {"cross_entropy"} else Meaning.NUMBERS
    return Trees(
        columns=describe_columns(names, infos, categorical or []),
        is_named=not all(UNNAMED.match(name) for name in names),
        datatype="FP64",
        meaning=meaning,
        task="classification" if objective in PROBABLE else "regression" if objective in AMOUNTS else "",
        classes=max(classes, 2) if meaning is Meaning.PROBABILITIES else 0,
        targets=classes,
    )


def _read_count(text: str) -> int:
    return int(text) if text.isdigit() and text != "0" else 1


def describe_columns(names: list[str], infos: list[str], categorical: list[list[Any]]) -> tuple[Column, ...]:
    """Return the columns: texts where the file tells which column they belong to, else numbers with a usual one."""
    if len(names) != len(infos):
        raise BadModelFile(f"The file is damaged: {len(names)} names for {len(infos)} columns.", HINT_SAVE)
    coded = [place for place, info in enumerate(infos) if ":" in info and not RANGE.match(info)]
    choices = dict(zip(coded, categorical, strict=True)) if len(coded) == len(categorical) else {}
    return tuple(
        Column(name, _find_usual(infos[place]), tuple(map(str, choices.get(place, ()))))
        for place, name in enumerate(names)
    )


def _find_usual(info: str) -> float:
    """Return the middle of the range that a column had in training, or 0."""
    found = RANGE.match(info)
    try:
        low, high = (float(bound) for bound in found.groups()) if found else (0.0, 0.0)
    except ValueError:
        return 0.0
    middle = round((low + high) / 2, 3)
    return middle if np.isfinite(middle) else 0.0


class LightgbmRunner:
    """A booster with its signature."""

    def __init__(self, booster: Any, trees: Trees, threads: int, libraries: tuple[Library, ...]) -> None:
        """Ask `booster` as `trees` says, on so many threads."""
        from lightgbm.basic import LightGBMError

        self.booster, self._trees, self._threads = booster, trees, threads
        self._refusals = (LightGBMError, ValueError, TypeError)
        self.info = ModelInfo(trees.describe(), "lightgbm", "LightGBM", "CPU", libraries)

    def run(self, inputs: Tensors) -> Tensors:
        """Return PredictedValue and Probabilities. Raises ModelRefused or ModelFailed."""
        try:
            return read_scores(self._score(make_matrix(inputs, self._trees)), self._trees)
        except self._refusals as error:
            raise ModelRefused(f"The model refused the values: {str(error)[:300]}") from error
        except Exception as error:
            raise ModelFailed(f"The model failed: {type(error).__name__}: {str(error)[:300]}") from error

    def _score(self, matrix: Array) -> Array:
        found: Array = self.booster.predict(matrix, num_threads=self._threads, validate_features=False)
        return found

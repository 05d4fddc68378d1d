"""How good predictions are: the usual metrics of each task, by scikit-learn, each rated bad, fair or good."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from airgate_serving.batch.work import Progress, Work, read_pairs
from airgate_serving.errors import BadRequest
from airgate_serving.formats.interface import PREDICTED, PROBABILITIES, Runner

CLASSIFICATION, REGRESSION, CLUSTERING = "classification", "regression", "clustering"
TASKS = (CLASSIFICATION, REGRESSION, CLUSTERING)
MOST_FOR_SILHOUETTE = 2000  # rows; its cost grows with their square


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which value on a metric is fair, and from which good; a smaller `good` means that less is better."""

    fair: float
    good: float

    def rate(self, value: float) -> str:
        """Return bad, fair or good."""
        sign = 1 if self.good >= self.fair else -1
        if sign * value >= sign * self.good:
            return "good"
        return "fair" if sign * value >= sign * self.fair else "bad"


THRESHOLDS = {
    "accuracy": Threshold(0.7, 0.9),
    "balanced_accuracy": Threshold(0.7, 0.9),
    "precision": Threshold(0.7, 0.9),
    "recall": Threshold(0.7, 0.9),
    "f1": Threshold(0.7, 0.9),
    "roc_auc": Threshold(0.7, 0.9),
    "log_loss": Threshold(0.7, 0.3),
    "r2": Threshold(0.5, 0.8),
    "silhouette": Threshold(0.25, 0.5),
    "adjusted_rand": Threshold(0.3, 0.7),
}
"""For what is the same on every data set; errors in the units of the data are rated only where somebody says how."""


@dataclass(slots=True)
class Answers:
    """All rows of a data set: what is right, what was predicted, and the rows themselves for clusters."""

    right: list[Any]
    predicted: list[Any]
    probabilities: list[Any]
    rows: list[list[Any]]


def evaluate(
    runner: Runner,
    work: Work,
    task: str,
    thresholds: Mapping[str, Threshold],
    tell: Callable[[Progress], None] = lambda _: None,
) -> dict[str, Any]:
    """Return `{"task", "rows", "metrics": {name: {"value", "rating"}}}`; tell of each chunk.

    Raises BadRequest with one sentence.
    """
    task = task or runner.info.signature.task
    if task not in TASKS:
        raise BadRequest("The model does not say what its task is.", f"Say --task {', '.join(TASKS)}.")
    answers = _collect(runner, work, task, tell)
    if not answers.predicted:
        raise BadRequest("The file has no rows.", "Give rows with the right answers.")
    values = _MEASURES[task](answers, runner)
    rated = {**THRESHOLDS, **thresholds}
    metrics = {name: _describe(value, rated.get(name)) for name, value in values.items() if np.isfinite(value)}
    return {"task": task, "rows": len(answers.predicted), "metrics": metrics}


def _describe(value: float, threshold: Threshold | None) -> dict[str, Any]:
    return {"value": round(float(value), 6), "rating": threshold.rate(value) if threshold else ""}


def _collect(runner: Runner, work: Work, task: str, tell: Callable[[Progress], None]) -> Answers:
    found = Answers([], [], [], [])
    for table, records in read_pairs(runner, work):
        if work.columns.target in table.columns:
            place = table.columns.index(work.columns.target)
            found.right += [row[place] for row in table.rows]
        elif task != CLUSTERING:
            raise BadRequest(f"The rows have no column {work.columns.target!r} with the right answers.", HINT_TARGET)
        first, *_ = [name for name in records[0] if name not in work.columns.keep]
        name = PREDICTED if PREDICTED in records[0] else first
        found.predicted += [record[name] for record in records]
        found.probabilities += [record[PROBABILITIES] for record in records if PROBABILITIES in record]
        if task == CLUSTERING:
            found.rows += work.columns.split(table, runner).rows
        tell(Progress(len(found.predicted)))
    return found


HINT_TARGET = "Name the column that has them as the target."


def _measure_classes(answers: Answers, runner: Runner) -> dict[str, float]:
    from sklearn import metrics

    right, predicted = _as_texts(answers.right), _as_texts(answers.predicted)
    averaged = {"average": "macro", "zero_division": 0}
    found = {
        "accuracy": metrics.accuracy_score(right, predicted),
        "balanced_accuracy": metrics.balanced_accuracy_score(right, predicted),
        "precision": metrics.precision_score(right, predicted, **averaged),
        "recall": metrics.recall_score(right, predicted, **averaged),
        "f1": metrics.f1_score(right, predicted, **averaged),
    }
    return {**found, **_measure_probabilities(right, answers.probabilities, runner)}


def _measure_probabilities(right: list[str], probabilities: list[Any], runner: Runner) -> dict[str, float]:
    """Return what only probabilities tell, where every class that occurs is one of the model's."""
    from sklearn import metrics

    spec = next((spec for spec in runner.info.signature.outputs if spec.name == PROBABILITIES), None)
    classes = _as_texts(spec.values if spec else ())
    if not probabilities or len(set(right)) < 2 or not set(right) <= set(classes):
        return {}
    matrix = np.array(probabilities, dtype=float)
    order = np.argsort(classes)
    matrix, labels = matrix[:, order], [classes[place] for place in order]
    found = {"log_loss": metrics.log_loss(right, matrix, labels=labels)}
    if len(labels) == 2:
        found["roc_auc"] = metrics.roc_auc_score([text == labels[1] for text in right], matrix[:, 1])
    elif set(right) == set(labels):
        found["roc_auc"] = metrics.roc_auc_score(right, matrix, multi_class="ovr", labels=labels)
    return found


def _as_texts(values: Sequence[Any]) -> list[str]:
    """Return classes as texts: a file may have 1.0 where the model has 1."""
    return [str(int(value)) if isinstance(value, float) and value.is_integer() else str(value) for value in values]


def _measure_numbers(answers: Answers, runner: Runner) -> dict[str, float]:
    from sklearn import metrics

    del runner
    try:
        right, predicted = np.array(answers.right, dtype=float), np.array(answers.predicted, dtype=float)
    except (TypeError, ValueError) as error:
        raise BadRequest("The right answers are not numbers, as a regression needs.", HINT_TARGET) from error
    return {
        "r2": metrics.r2_score(right, predicted) if len(right) > 1 else np.nan,
        "mae": metrics.mean_absolute_error(right, predicted),
        "rmse": float(np.sqrt(metrics.mean_squared_error(right, predicted))),
        "max_error": float(np.max(np.abs(right - predicted))),
    }


def _measure_clusters(answers: Answers, runner: Runner) -> dict[str, float]:
    from sklearn import metrics

    del runner
    labels = np.array(_as_texts(answers.predicted))
    found: dict[str, float] = {"clusters": float(len(set(labels)))}
    if 1 < len(set(labels)) < len(labels):
        sample = min(len(labels), MOST_FOR_SILHOUETTE)
        rows = np.array(answers.rows, dtype=float)
        found["silhouette"] = metrics.silhouette_score(rows, labels, sample_size=sample, random_state=0)
        found["calinski_harabasz"] = metrics.calinski_harabasz_score(rows, labels)
    if answers.right:
        found["adjusted_rand"] = metrics.adjusted_rand_score(_as_texts(answers.right), labels)
    return found


_MEASURES = {CLASSIFICATION: _measure_classes, REGRESSION: _measure_numbers, CLUSTERING: _measure_clusters}

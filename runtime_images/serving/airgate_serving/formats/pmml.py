"""PMML models (https://dmg.org/pmml/v4-4-1/GeneralStructure.html), by PMML4S in a Java machine inside this process."""

from pathlib import Path
from typing import Any

import numpy as np

from airgate_serving.errors import BadModelFile, ModelFailed, ModelRefused
from airgate_serving.formats import java
from airgate_serving.formats.interface import Library, LoadOptions, ModelInfo
from airgate_serving.formats.pmml_fields import Fields, Input, Output, read_fields
from airgate_serving.formats.pmml_file import HINT, read_document
from airgate_serving.formats.pmml_rows import Scorer
from airgate_serving.tensors import Array, Tensors

MODEL = "org.pmml4s.model.Model"
CAUSED_BY_VALUES = "java.lang.RuntimeException"  # not so java.lang.Error: no memory, no stack, not implemented
MOST_WORDS = 300  # characters of Java's own words in a sentence
LARGEST_WHOLE = 2.0**63


def load(path: Path, options: LoadOptions) -> "PmmlRunner":
    """Return the model in `path`. Raises BadModelFile or one of its kin with one sentence."""
    document = read_document(path)
    java.start(options.threads, options.describe)
    try:
        java.parse(document.text)  # PMML4S takes what its reader stumbles over for the end of the file
        model = java.find_class(MODEL).fromString(document.text)
        if not len(model.outputNames()):
            raise BadModelFile("The file holds fields and transformations, but no model.", HINT)
        fields = read_fields(model)
    except _find_java_error() as error:
        raise BadModelFile(f"PMML4S cannot open the model: {explain(error)}", HINT) from error
    scorer = Library("pmml4s", "", java.find_scorer_version())
    return PmmlRunner(Scorer(model), fields, (document.library, scorer, Library("numpy", "", np.__version__)))


def explain(error: Exception) -> str:
    """Return what Java says of an error: the kind of it and its message, shortened."""
    words = " ".join(str(error).split())
    return words[:MOST_WORDS] or type(error).__name__


def _find_java_error() -> Any:
    import jpype

    return jpype.JException


class PmmlRunner:
    """A model with its fields."""

    def __init__(self, scorer: Scorer, fields: Fields, libraries: tuple[Library, ...]) -> None:
        """Ask `scorer` as `fields` say."""
        self._scorer, self._fields = scorer, fields
        self._columns = {field.spec.name: field for field in fields.inputs}
        self._only_numbers = all(field.spec.dtype.kind == "f" and not field.whole for field in fields.inputs)
        self._java_error = _find_java_error()
        self.info = ModelInfo(fields.describe(), "pmml", "PMML4S", "CPU", libraries)

    def run(self, inputs: Tensors) -> Tensors:
        """Return the outputs by name. Raises ModelRefused or ModelFailed."""
        columns = {name: array.reshape(-1) for name, array in inputs.items()}
        try:
            answers = self._score(columns)
            return {output.spec.name: self._read(answers, output) for output in self._fields.outputs}
        except java.find_class(CAUSED_BY_VALUES) as error:
            raise ModelRefused(f"The model refused the values: {explain(error)}") from error
        except self._java_error as error:
            raise ModelFailed(f"The model failed: {explain(error)}") from error

    def _score(self, columns: dict[str, Array]) -> Any:
        rows = len(next(iter(columns.values())))
        if self._only_numbers:
            nothing = np.full(rows, np.nan)
            return self._scorer.score_numbers(
                np.column_stack([columns.get(name, nothing) for name in self._fields.order]).astype(np.float64)
            )
        lists = [self._make_list(name, columns, rows) for name in self._fields.order]
        return self._scorer.score_objects(list(zip(*lists, strict=True)))

    def _make_list(self, name: str, columns: dict[str, Array], rows: int) -> list[Any]:
        return read_column(columns[name], self._columns[name]) if name else [None] * rows

    def _read(self, answers: Any, output: Output) -> Array:
        """Return one output; a matrix has a column for each place."""
        spec = output.spec
        if spec.dtype.kind == "f":
            numbers = self._scorer.read_numbers(answers, output.places).astype(spec.dtype, copy=False)
            return numbers if len(spec.shape) > 1 else numbers[:, 0]
        values = self._scorer.read_objects(answers, output.places[0])
        if spec.dtype.kind == "O":
            return np.array(["" if value is None else str(value) for value in values], dtype=object)
        return np.array(require_answers(values), dtype=spec.dtype)


def read_column(values: Array, field: Input) -> list[Any]:
    """Return a column as Java takes it: an empty text is a missing value, as not-a-number is to PMML4S itself.

    A fraction in a field of whole numbers is compared as what it is.
    """
    if values.dtype.kind == "O":
        return [None if value == "" and not field.empty else str(value) for value in values]
    numbers: list[Any] = values.tolist()
    if not field.whole:
        return numbers
    return [int(number) if number.is_integer() and abs(number) < LARGEST_WHOLE else number for number in numbers]


def require_answers(values: list[Any]) -> list[Any]:
    """Return the values. Raises ModelRefused for a row without one, which whole numbers and booleans cannot say."""
    for row, value in enumerate(values):
        if value is None:
            raise ModelRefused(
                f"The model has no answer for row {row}: by its own rules a value is missing or invalid.",
                "The file's MiningSchema says which values are taken, and what becomes of others.",
            )
    return values

"""Models become ONNX on a person's own machine, and prove row by row that they answer the same."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airgate_serving.convert.compare import compare, make_rows
from airgate_serving.convert.converters import convert
from airgate_serving.errors import BadModelFile
from airgate_serving.formats.interface import LoadOptions, Runner
from airgate_serving.formats.table import guess_format, load
from tests.serving.server import run_command

FILES = ["iris.pkl", "forest.joblib", "diabetes.pkl", "fruit.pkl", "iris.skops", "iris.json", "iris.txt"]


def open_model(path: Path) -> Runner:
    """Load a file as what its bytes say."""
    return load(path, guess_format(path), LoadOptions())


@pytest.mark.parametrize("name", FILES)
def test_a_converted_model_answers_the_same_rows(model_folder, tmp_path, name) -> None:
    """Every tabular format: labels are equal, numbers differ by rounding at most."""
    runner = open_model(model_folder / name)
    (tmp_path / "m.onnx").write_bytes(convert(runner))
    found = compare(runner, open_model(tmp_path / "m.onnx"), make_rows(runner.info.signature))
    assert found.rows == 500 and found.largest < 1e-3


class Liar:
    """A model that answers a little otherwise in its last row."""

    def __init__(self, honest: Runner) -> None:
        self.info, self._honest = honest.info, honest

    def run(self, inputs: Any) -> Any:
        """Answer, and lie once."""
        answer = self._honest.run(inputs)
        return {name: np.concatenate([array[:-1], array[:1] + 1]) for name, array in answer.items()}


def test_a_row_that_differs_is_named(model_folder) -> None:
    """No file is written that answers otherwise; the sentence has the row and both answers."""
    runner = open_model(model_folder / "diabetes.pkl")
    with pytest.raises(BadModelFile, match="otherwise in 1 of 500 rows: in row 499, PredictedValue is"):
        compare(runner, Liar(runner), make_rows(runner.info.signature))


def test_what_cannot_be_converted_is_said(model_folder) -> None:
    """An ONNX model is one already; a strange estimator has no converter."""
    runner = open_model(model_folder / "mlp.onnx")
    with pytest.raises(BadModelFile, match="not converted"):
        convert(runner)
    runner.info = replace(runner.info, platform="sklearn")
    runner.model = object()  # type: ignore[attr-defined]
    with pytest.raises(BadModelFile, match="gives up"):
        convert(runner)


@pytest.mark.process
def test_the_command_writes_a_file_that_serves(model_folder, tmp_path) -> None:
    """One command, in the sandbox, with rows of one's own; the file is opened and served like any other."""
    (tmp_path / "rows.csv").write_text("colour,grams\nred,12\ngreen,150\nyellow,110\n")
    target = tmp_path / "fruit.onnx"
    arguments = ("convert", str(model_folder / "fruit.pkl"), "--to", str(target), "--rows", str(tmp_path / "rows.csv"))
    done = run_command(*arguments)
    assert done.returncode == 0, done.stderr
    assert "the same in 3 rows" in done.stdout
    assert "input      colour  BYTES [-1, 1]" in run_command("inspect", str(target)).stdout
    refused = run_command("convert", str(model_folder / "mlp.onnx"), "--to", str(tmp_path / "x"))
    assert refused.returncode == 3 and "not converted" in refused.stderr and not (tmp_path / "x").exists()

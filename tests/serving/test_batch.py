"""Whole files of rows: chunks, progress that survives a kill, both kinds of files, and how good a model is."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB

from airgate_serving.batch.metrics import Threshold, evaluate
from airgate_serving.batch.predictions import Columns, write_rows
from airgate_serving.batch.rows import find_kind, read_chunks
from airgate_serving.batch.work import Progress, Work, do_work, read_pairs, read_progress, write_progress
from airgate_serving.errors import BadRequest
from airgate_serving.formats.interface import LoadOptions, Runner
from airgate_serving.formats.sklearn import SklearnRunner
from airgate_serving.formats.table import guess_format, load
from tests.kit.process import find_children
from tests.serving.server import run_command, wait_for
from tests.serving.test_codecs import COLUMNS

FRAME, KINDS = load_iris(return_X_y=True, as_frame=True)


def open_model(path: Path) -> Runner:
    """Load a file as what its bytes say."""
    return load(path, guess_format(path), LoadOptions())


def write_iris(path: Path, rows: int = 150) -> Path:
    """Write iris with an id and the right answer, every seventh row of it first."""
    frame = FRAME.assign(id=range(150), species=KINDS).iloc[:rows]
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_json(path, orient="records", lines=True)
    return path


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_a_file_is_answered_in_chunks_as_it_would_be_at_once(model_folder, tmp_path, ending) -> None:
    """The chunk's size changes nothing but the number of steps."""
    runner = open_model(model_folder / "iris.pkl")
    rows, found = write_iris(tmp_path / f"rows{ending}"), []
    for chunk in (7, 1000):
        work = Work(rows, "jsonl", Columns("species", ("id",)), chunk, "key")
        seen: list[Progress] = []
        with (tmp_path / f"part{chunk}").open("w+b") as part, (tmp_path / f"progress{chunk}").open("w+b") as progress:
            do_work(runner, work, part, progress, seen.append)
        assert len(seen) == -(-150 // chunk) and seen[-1].rows == 150
        found.append((tmp_path / f"part{chunk}").read_bytes())
    lines = [json.loads(line) for line in found[1].splitlines()]
    whole = runner.run({name: FRAME[name].to_numpy() for name in FRAME.columns})
    assert [line["id"] for line in lines] == list(range(150))
    assert [line["PredictedValue"] for line in lines] == whole["PredictedValue"].tolist()
    np.testing.assert_allclose([line["Probabilities"] for line in lines], whole["Probabilities"], rtol=1e-12)
    assert [json.loads(line)["PredictedValue"] for line in found[0].splitlines()] == whole["PredictedValue"].tolist()


def test_a_row_that_the_model_does_not_take_is_named(model_folder, tmp_path) -> None:
    """By its number in the file, whichever chunk it is in; a column that is wrong in every row is no row's fault."""
    rows = write_iris(tmp_path / "rows.jsonl", 20)
    lines = [json.loads(line) for line in rows.read_text().splitlines()]
    lines[17]["sepal length (cm)"] = "long"
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines))
    runner, work = open_model(model_folder / "iris.pkl"), Work(rows, "jsonl", Columns("species", ("id",)), 10, "key")
    says = "^Row 17: The input 'sepal length .cm.' holds texts; the model takes FP64."
    with (
        (tmp_path / "part").open("w+b") as part,
        (tmp_path / "progress").open("w+b") as progress,
        pytest.raises(BadRequest, match=says),
    ):
        do_work(runner, work, part, progress, lambda _: None)
    with pytest.raises(BadRequest, match=says):
        list(read_pairs(runner, work))
    rows.write_text("".join(json.dumps({**line, "sepal length (cm)": "long"}) + "\n" for line in lines))
    with pytest.raises(BadRequest, match=says.replace("Row 17: ", "")):
        list(read_pairs(runner, work))


def test_probabilities_are_named_after_their_classes(tmp_path) -> None:
    """A person who opens the answers need not know the model's order of classes."""
    kinds = np.array(["setosa", "other", "other"])[KINDS]
    runner = SklearnRunner(GaussianNB().fit(FRAME.to_numpy(), kinds), 1, ())
    (rows := tmp_path / "rows.csv").write_text(FRAME.head(1).to_csv(index=False))
    for kind in ("csv", "parquet", "jsonl"):
        with (tmp_path / "part").open("w+b") as part, (tmp_path / "progress").open("w+b") as progress:
            do_work(runner, Work(rows, kind, Columns(), 10, kind), part, progress, lambda _: None)
        first = (tmp_path / "part").read_text().splitlines()[0]
        assert ("Probabilities_other" in first and "Probabilities_setosa" in first) is (kind != "jsonl"), first


def test_csv_has_a_column_for_every_probability() -> None:
    """A list becomes columns; the header stands once."""
    records = [{"id": 1, "PredictedValue": "a,b", "Probabilities": [0.25, 0.75]}]
    text = (write_rows(records, "csv", with_header=True) + write_rows(records, "csv", with_header=False)).decode()
    assert list(csv.reader(io.StringIO(text))) == [
        ["id", "PredictedValue", "Probabilities_0", "Probabilities_1"],
        ["1", "a,b", "0.25", "0.75"],
        ["1", "a,b", "0.25", "0.75"],
    ]


def test_progress_is_of_one_work_and_a_torn_one_is_none(tmp_path) -> None:
    """A progress of other rows, or half of one, does not count."""
    with (tmp_path / "p").open("w+b") as file:
        assert read_progress(file, "a") == Progress()
        write_progress(file, "a", Progress(100_000, 5))
        write_progress(file, "a", Progress(7, 5))
        assert read_progress(file, "a") == Progress(7, 5) and read_progress(file, "b") == Progress()
        file.truncate(8)
        assert read_progress(file, "a") == Progress()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("r.csv", b"name,age,rate\na,1,2\nb,1\n", "Row 1 of the CSV file has 2 values"),
        ("r.csv", b'name\n"a', "cannot be read"),
        ("r.csv", b"\xff\xfe\x00", "not UTF-8"),
        ("r.jsonl", b'{"name":"a"}\n{', "Line 1 is not JSON"),
        ("r.jsonl", b'{"name":"a"}\n{"age":1}\n', "In the 2 rows from row 0: Record 1"),
        ("r.xlsx", b"", "neither CSV nor JSON lines nor Parquet"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(tmp_path, name, content, says) -> None:
    """A person finds the row in a file of a million."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadRequest, match=says):
        list(read_chunks(tmp_path / name, COLUMNS, 10))


@settings(deadline=None)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode), skip=st.integers(0, 3))
def test_any_file_is_rows_or_a_sentence(tmp_path_factory, content: bytes, skip: int) -> None:
    """Whatever is in it."""
    for name in ("fuzz.csv", "fuzz.jsonl"):
        path = tmp_path_factory.getbasetemp() / name
        path.write_bytes(content)
        try:
            list(read_chunks(path, COLUMNS, 2, skip))
        except BadRequest as error:
            assert error.sentence
        assert find_kind(path) in ("csv", "jsonl")


def make_work(path: Path, target: str = "", keep: tuple[str, ...] = ("id",)) -> Work:
    """Return the work of comparing a file's rows."""
    return Work(path, "", Columns(target, keep), 40, "")


def test_a_classifier_is_measured_as_scikit_learn_measures_it(model_folder, tmp_path) -> None:
    """The usual metrics, the same numbers, a rating for each."""
    runner = open_model(model_folder / "iris.pkl")
    rows = write_iris(tmp_path / "rows.csv")
    found = evaluate(runner, make_work(rows, "species"), "", {"accuracy": Threshold(0.99, 0.999)})
    answers = runner.run({name: FRAME[name].to_numpy() for name in FRAME.columns})
    predicted, probabilities = answers["PredictedValue"], answers["Probabilities"]
    wanted = {
        "accuracy": metrics.accuracy_score(KINDS, predicted),
        "f1": metrics.f1_score(KINDS, predicted, average="macro"),
        "roc_auc": metrics.roc_auc_score(KINDS, probabilities, multi_class="ovr"),
        "log_loss": metrics.log_loss(KINDS, probabilities),
    }
    assert {name: found["metrics"][name]["value"] for name in wanted} == pytest.approx(wanted, abs=1e-6)
    assert found["rows"] == 150 and found["metrics"]["accuracy"]["rating"] == "bad"
    assert found["metrics"]["log_loss"]["rating"] == "good"


def test_a_regression_and_clusters_are_measured_too(model_folder, tmp_path) -> None:
    """Errors in the data's own units have no rating of their own; clusters need no right answers."""
    diabetes = pd.DataFrame(np.random.default_rng(0).normal(0, 0.05, (60, 10)))
    runner = open_model(model_folder / "diabetes.pkl")
    diabetes.columns = [f"c{place}" for place in range(10)]
    right = runner.run({"X": diabetes.to_numpy()})["PredictedValue"] + np.tile([-2.0, 2.0], 30)
    diabetes.assign(y=right).to_json(tmp_path / "d.jsonl", orient="records", lines=True)
    found = evaluate(runner, make_work(tmp_path / "d.jsonl", "y"), "", {"rmse": Threshold(5, 3)})["metrics"]
    assert found["rmse"] == {"value": pytest.approx(2.0), "rating": "good"} and found["mae"]["rating"] == ""
    clusters = SklearnRunner(KMeans(3, n_init=1, random_state=0).fit(FRAME), 1, ())
    measured = evaluate(clusters, make_work(write_iris(tmp_path / "c.csv"), "species"), "", {})["metrics"]
    assert measured["clusters"]["value"] == 3 and measured["adjusted_rand"]["rating"] in ("fair", "good")
    assert 0 < measured["silhouette"]["value"] < 1


@pytest.mark.parametrize(
    ("target", "task", "says"),
    [
        ("species", "ranking", "what its task is"),
        ("kind", "", "no column 'kind'"),
        ("word", "regression", "not numbers"),
    ],
)
def test_an_evaluation_that_makes_no_sense_says_so(model_folder, tmp_path, target, task, says) -> None:
    """The sentence names the column or the argument."""
    FRAME.assign(species=KINDS, word="x").to_csv(tmp_path / "rows.csv", index=False)
    runner = open_model(model_folder / "iris.pkl")
    with pytest.raises(BadRequest, match=says):
        evaluate(runner, make_work(tmp_path / "rows.csv", target, ("species", "word")), task, {})


SLOW = """
import time
def predict(args):
    time.sleep(0.05)
    return [{"double": row["a"] * 2} for row in args["X"]]
"""


def kill_and_go_on(words: list[str], to: Path) -> None:
    """Kill a run over 200 rows, 4 at a time, in the middle, and run it again: it computes no chunk twice."""
    progress = to.with_name(f"{to.name}.progress")
    with subprocess.Popen([sys.executable, "-m", "airgate_serving", *words], stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: progress.exists() and read_done(progress) >= 20)
        worker = find_children(process.pid)[0]
        os.kill(process.pid, signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{worker}").exists())
    done = read_done(progress)
    assert 20 <= done < 200 and not to.exists()
    again = run_command(*words)
    assert again.returncode == 0, again.stderr
    assert min(read_steps(again.stderr)) == done + 4


@pytest.mark.process
def test_a_run_that_was_killed_is_gone_on_with(tmp_path) -> None:
    """Killed in the middle, run again: every row is there once, and the first ones are not computed twice."""
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "rows.csv").write_text("a\n" + "".join(f"{number}\n" for number in range(200)))
    to = tmp_path / "out.csv"
    words = ["batch", str(tmp_path / "slow.py"), "--rows", str(tmp_path / "rows.csv"), "--to", str(to), "--chunk", "4"]
    kill_and_go_on(words, to)
    assert to.read_text() == "double\n" + "".join(f"{2 * number}\n" for number in range(200))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "rows.csv", "slow.py"]


def read_done(path: Path) -> int:
    """Return how many rows a progress says are done."""
    text = path.read_text()
    return int(json.loads(text)["rows"]) if text.endswith("}\n") else 0


def read_steps(errors: str) -> list[int]:
    """Return the numbers of rows in the lines of progress."""
    lines = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
    return [line["rows"] for line in lines if line["message"] == "progress"]


@pytest.mark.process
def test_the_commands_answer_and_measure_a_file_of_every_format(model_folder, tmp_path) -> None:
    """CSV in, JSON lines out; metrics of the same rows; for a pickle and for trees, in the sandbox."""
    rows = write_iris(tmp_path / "rows.csv")
    for name in ("iris.pkl", "iris.json"):
        to = tmp_path / f"{name}.jsonl"
        model = ("--rows", str(rows), "--chunk", "60")
        done = run_command("batch", str(model_folder / name), *model, "--to", str(to), "--keep", "id", "species")
        assert done.returncode == 0 and "150 rows" in done.stdout, done.stderr
        lines: list[dict[str, Any]] = [json.loads(line) for line in to.read_text().splitlines()]
        right = sum(line["PredictedValue"] == line["species"] for line in lines)
    bounds = ("--threshold", "accuracy=0.5,0.6")
    measured = run_command("evaluate", str(model_folder / name), *model, "--target", "species", *bounds)
    assert json.loads(measured.stdout)["metrics"]["accuracy"] == {"value": round(right / 150, 6), "rating": "good"}


@pytest.mark.process
def test_a_run_that_cannot_go_on_says_why(model_folder, tmp_path) -> None:
    """Exit code 3 and a sentence: a model that crashes, a row that does not fit, an output that is no file of rows."""
    (tmp_path / "crash.py").write_text("import ctypes\ndef predict(args): ctypes.string_at(0)")
    (tmp_path / "rows.csv").write_text("a\nx\n")
    crash = ("batch", str(tmp_path / "crash.py"), "--rows", str(tmp_path / "rows.csv"))
    crashed = run_command(*crash, "--to", str(tmp_path / "o.csv"))
    assert crashed.returncode == 3 and "crashed its process" in crashed.stderr
    assert "neither CSV" in run_command(*crash, "--to", str(tmp_path / "o.xlsx")).stderr
    iris = run_command("batch", str(model_folder / "iris.pkl"), *crash[2:], "--to", str(tmp_path / "o.csv"))
    assert iris.returncode == 3 and "X lacks" in iris.stderr and "Traceback" not in iris.stderr

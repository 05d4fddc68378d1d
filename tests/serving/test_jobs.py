"""A job of the webapp: what it is told while the work goes on, what is left after a kill, and who holds the secret."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from airgate_kit.clock import SystemClock
from airgate_serving.errors import BadConfiguration, TellFailed
from airgate_serving.jobs.teller import Teller
from tests.kit.process import find_descendants
from tests.kit.stand_in_web import find_results, run_web
from tests.serving.server import run_command, wait_for
from tests.serving.test_batch import SLOW, write_iris

SECRET = "one-job-s-secret"
LEAKY = "import os\n\ndef predict(args):\n    return [{'found': str(dict(os.environ))} for _ in args['X']]\n"


LOUD = """
import os
def predict(args):
    (row,) = args["X"]
    print("looked at", row["a"] % 2)
    if row["a"] == 99:
        os.abort()
    return [{"double": 2}]
"""


def write_words(folder: Path, model: Path, rows: Path, web: Any, *more: str) -> list[str]:
    """Return the arguments of a job."""
    kind = rows.suffix.removeprefix(".")
    where = ["--rows", str(rows), "--rows-kind", kind, "--folder", str(folder / "work")]
    return ["job", str(model), *where, "--web", web.url, "--job", "7", "--patience", "20", *more]


@pytest.mark.process
@pytest.mark.parametrize("unix", [False, True])
def test_predictions_are_sent_when_all_rows_are_there(model_folder, tmp_path, unix) -> None:
    """Over TCP as over a unix socket; what could not be heard at first is sent again."""
    stored = tmp_path / "0123abcd"  # files have no ending where they are stored
    write_iris(tmp_path / "rows.csv").rename(stored)
    with run_web(SECRET, path=tmp_path / "web.sock" if unix else None, failures=1) as web:
        words = write_words(
            tmp_path, model_folder / "iris.pkl", tmp_path / "rows.csv", web, "--keep=id", "--keep=species"
        )
        words[words.index("--rows") + 1] = str(stored)
        done = run_command(*words, "--task", "batch", "--chunk", "40", env={"AIRGATE_JOB_SECRET": SECRET})
    assert done.returncode == 0, done.stderr
    assert "Job 7: succeeded" in done.stdout
    first, *_, last = web.said
    assert first == {"rows": None, "of": None}
    lines = last["file"].decode().splitlines()
    assert last["path"] == "/internal/jobs/7/result?rows=150"
    assert lines[0].startswith("id,species,PredictedValue") and len(lines) == 151


@pytest.mark.process
def test_an_evaluation_ends_with_its_metrics(model_folder, tmp_path) -> None:
    """Each with its rating; there is no file."""
    rows = write_iris(tmp_path / "rows.jsonl")
    with run_web(SECRET) as web:
        words = write_words(tmp_path, model_folder / "iris.pkl", rows, web, "--task", "evaluate", "--keep=id")
        more = ["--target=species", "--measure", "classification"]
        done = run_command(*words, *more, env={"AIRGATE_JOB_SECRET": SECRET})
    assert done.returncode == 0, done.stderr
    end = web.said[-1]
    metrics = {one["name"]: one for one in end["metrics"]}
    assert (end["ended"], end["rows"], end["of"]) == (True, 150, 150)
    assert metrics["accuracy"]["rating"] == "good" and metrics["accuracy"]["value"] > 0.9


@pytest.mark.process
def test_work_that_fails_is_told_in_the_sentence_that_names_the_row(model_folder, tmp_path) -> None:
    """It is not tried again: the exit code says that the end was told."""
    rows = write_iris(tmp_path / "rows.jsonl", 20)
    lines = [json.loads(line) for line in rows.read_text().splitlines()]
    lines[17]["sepal length (cm)"] = "long"
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with run_web(SECRET) as web:
        words = write_words(
            tmp_path, model_folder / "iris.pkl", rows, web, "--task", "batch", "--keep=id", "--keep=species"
        )
        done = run_command(*words, "--chunk", "10", env={"AIRGATE_JOB_SECRET": SECRET})
    assert done.returncode == 0, done.stderr
    assert web.said[-1]["ended"] and web.said[-1]["error"].startswith(
        "Row 17: The input 'sepal length (cm)' holds texts"
    )
    assert (web.said[-1]["rows"], web.said[-1]["of"]) == (10, 20)


@pytest.mark.process
def test_a_job_that_was_killed_goes_on_where_it_was(tmp_path) -> None:
    """Killed with all its processes in the middle, run again in the same folder: every row is there once."""
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "rows.csv").write_text("a\n" + "".join(f"{number}\n" for number in range(200)))
    progress = tmp_path / "work" / "result.csv.progress"
    with run_web(SECRET) as web:
        words = write_words(
            tmp_path, tmp_path / "slow.py", tmp_path / "rows.csv", web, "--task", "batch", "--chunk", "4"
        )
        environ = {**os.environ, "AIRGATE_JOB_SECRET": SECRET}
        command = [sys.executable, "-m", "airgate_serving", *words]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ) as process:
            wait_for(lambda: progress.exists() and progress.stat().st_size > 0 and find_rows(progress) >= 20)
            below = find_descendants(process.pid)
            process.send_signal(signal.SIGKILL)
        wait_for(lambda: not any(Path(f"/proc/{number}").exists() for number in below))
        done = find_rows(progress)
        again = run_command(*words, env={"AIRGATE_JOB_SECRET": SECRET})
        assert again.returncode == 0, again.stderr
        third = run_command(*words, env={"AIRGATE_JOB_SECRET": SECRET})
    assert len(below) == 2 and 20 <= done < 200
    steps = [json.loads(line)["rows"] for line in again.stderr.splitlines() if '"progress"' in line]
    assert min(steps) == done + 4
    first, second = find_results(web)
    assert first.decode() == "double\n" + "".join(f"{2 * number}\n" for number in range(200))
    assert third.returncode == 0 and '"progress"' not in third.stderr, "a result that is there is only sent"
    assert (second, web.said[-1]["path"]) == (first, "/internal/jobs/7/result")


def find_rows(progress: Path) -> int:
    """Return how many rows a progress says are done."""
    text = progress.read_text()
    return int(json.loads(text)["rows"]) if text.endswith("}\n") else 0


@pytest.mark.process
@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_job_that_nobody_wants_ends(tmp_path, when) -> None:
    """Stopped on the page: the process hears of it with its next word and leaves no other behind."""
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "rows.csv").write_text("a\n" + "1\n" * 2000)
    with run_web(SECRET) as web:
        web.over = when == "before"
        words = write_words(
            tmp_path, tmp_path / "slow.py", tmp_path / "rows.csv", web, "--task", "batch", "--chunk", "1"
        )
        environ = {**os.environ, "AIRGATE_JOB_SECRET": SECRET}
        command = [sys.executable, "-m", "airgate_serving", *words]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ) as process:
            if when == "meanwhile":
                wait_for(lambda: len(web.said) > 1)
                web.over = True
            said, _ = process.communicate(timeout=60)
    assert (process.returncode, said) == (0, b"Job 7: not wanted any more\n")
    assert not [each for each in web.said if "ended" in each or "file" in each]


@pytest.mark.process
def test_sigterm_ends_a_job_and_its_work(tmp_path) -> None:
    """A node that is emptied takes the pod along; another one goes on."""
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "rows.csv").write_text("a\n" + "1\n" * 2000)
    with run_web(SECRET) as web:
        words = write_words(
            tmp_path, tmp_path / "slow.py", tmp_path / "rows.csv", web, "--task", "batch", "--chunk", "1"
        )
        environ = {**os.environ, "AIRGATE_JOB_SECRET": SECRET}
        command = [sys.executable, "-m", "airgate_serving", *words]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environ) as process:
            wait_for(lambda: len(find_descendants(process.pid)) == 2)
            below = find_descendants(process.pid)
            process.terminate()
    assert process.returncode == 4
    wait_for(lambda: not any(Path(f"/proc/{number}").exists() for number in below))


@pytest.mark.process
def test_a_model_does_not_find_the_job_s_secret(tmp_path) -> None:
    """The process that opens it is a new one, and was given nothing."""
    (tmp_path / "leaky.py").write_text(LEAKY)
    (tmp_path / "rows.csv").write_text("a\n1\n")
    with run_web(SECRET) as web:
        words = write_words(tmp_path, tmp_path / "leaky.py", tmp_path / "rows.csv", web, "--task", "batch")
        done = run_command(*words, env={"AIRGATE_JOB_SECRET": SECRET})
    assert done.returncode == 0, done.stderr
    found = web.said[-1]["file"].decode()
    assert "PATH" in found and SECRET not in found and "AIRGATE_JOB_SECRET" not in found


@pytest.mark.process
def test_the_last_lines_are_what_the_model_printed_also_when_it_crashed(tmp_path) -> None:
    """Nothing waits in a buffer that dies with its process, and lines of progress do not push the others out."""
    (tmp_path / "loud.py").write_text(LOUD)
    (tmp_path / "rows.csv").write_text("a\n" + "".join(f"{number}\n" for number in range(100)))
    with run_web(SECRET) as web:
        words = write_words(tmp_path, tmp_path / "loud.py", tmp_path / "rows.csv", web, "--task", "batch")
        done = run_command(*words, "--chunk", "1", env={"AIRGATE_JOB_SECRET": SECRET})
    assert done.stdout.splitlines()[-2:] == ["looked at 1", f"Job 7: failed: {web.said[-1]['error']}"]
    assert done.stdout.count("looked at") == 100
    assert 0 < done.stderr.count('"progress"') < 50


@pytest.mark.process
def test_what_a_job_itself_prints_holds_no_row_of_the_data_set(model_folder, tmp_path) -> None:
    """Whoever may read logs has not thereby read people's data; a row that fails is named by its number."""
    rows = write_iris(tmp_path / "rows.jsonl", 40)
    lines = [json.loads(line) | {"species": f"Müller-{number}"} for number, line in enumerate(rows.open())]
    lines[30]["sepal length (cm)"] = "Müller-long"
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with run_web(SECRET) as web:
        words = write_words(tmp_path, model_folder / "iris.pkl", rows, web, "--task", "batch", "--keep=species")
        done = run_command(*words, "--chunk", "10", env={"AIRGATE_JOB_SECRET": SECRET})
    assert web.said[-1]["error"].startswith("Row 30:")
    assert "Row 30:" in done.stdout and '"progress"' in done.stderr
    assert "ller-" not in done.stdout + done.stderr


def test_a_web_process_that_is_away_delays_no_work_and_is_told_the_end_later(tmp_path) -> None:
    """Word of progress is left out; the end is said for as long as patience lasts, and then it is an error."""
    away = Teller(f"unix:{tmp_path}/none.sock", 7, SECRET, SystemClock(), 0.0)
    assert away.tell(1, 2)
    with pytest.raises(TellFailed, match="does not hear how the job ended"):
        away.tell_end(error="x")
    with pytest.raises(BadConfiguration):
        Teller("ftp://web", 7, SECRET, SystemClock(), 0.0)


def test_a_refusal_is_an_error_at_once() -> None:
    """Waiting would not help."""
    with run_web(SECRET) as web:
        teller = Teller(web.url, 7, "wrong", SystemClock(), 60.0)
        with pytest.raises(TellFailed, match="answers 401, This address is for"):
            teller.tell()

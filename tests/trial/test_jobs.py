"""Jobs as the trial runs them: real processes, a real data set, from the wish to the file of predictions."""

import contextlib
import csv
import io
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.rig import wait_until
from tests.kit.trial import Trial

pytestmark = [pytest.mark.trial, pytest.mark.timeout(400)]
PROJECT = "jobs"
SLOW = b"""
import time
SAMPLE = {"X": [{"a": 1}]}
def predict(args):
    time.sleep(0.05)
    if any(isinstance(row["a"], str) for row in args["X"]):
        print("cannot double texts")
    return [{"double": row["a"] * 2} for row in args["X"]]
"""
ROWS = "a\n" + "".join(f"{number}\n" for number in range(400))
ENDED = ("Succeeded", "Failed", "Stopped")


@pytest.fixture(scope="module")
def trial(shared_trial: Trial) -> Trial:
    """A trial with a project that has a slow model and a data set for it."""
    appliance = shared_trial.appliance
    appliance.send("POST", "/projects", {"name": "Jobs", "route": PROJECT})
    appliance.upload(PROJECT, "slow", "slow.py", SLOW)
    appliance.keep_dataset(PROJECT, "numbers", "numbers.csv", ROWS.encode())
    return shared_trial


def wait_for_end(trial: Trial, number: int, route: str = PROJECT) -> Any:
    """Return a job once it has ended."""
    return trial.appliance.wait_for_job(route, number, lambda found: found["state"] in ENDED)


def read_result(trial: Trial, number: int, route: str = PROJECT) -> list[dict[str, str]]:
    """Return the rows of a job's predictions."""
    answer = trial.appliance.http.get(f"/api/v2/projects/{route}/jobs/{number}/result")
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_a_data_set_is_answered_row_by_row(trial: Trial) -> None:
    """Each row once, with the columns that were to be kept; the file is named after what made it."""
    number = trial.appliance.start_job("samples", model="iris", dataset="iris", keep=["species"], chunk=50)
    done = wait_for_end(trial, number, "samples")
    assert done["state"] == "Succeeded", done
    assert (done["rows"], done["of"], done["result"]["filename"]) == (150, 150, "iris-iris-v1.csv")
    rows = read_result(trial, number, "samples")
    assert len(rows) == 150
    right = sum(row["species"] == row["PredictedValue"] for row in rows)
    assert right > 140
    assert "Probabilities_setosa" in rows[0]


def test_a_model_is_judged_by_the_right_answers(trial: Trial) -> None:
    """Metrics with their ratings; the file of the model says what it is judged as."""
    number = trial.appliance.start_job("samples", model="iris", dataset="iris", task="evaluate", target="species")
    done = wait_for_end(trial, number, "samples")
    assert (done["state"], done["measure"], done["rows"]) == ("Succeeded", "classification", 150), done
    found = {metric["name"]: metric for metric in done["metrics"]}
    assert found["accuracy"]["value"] > 0.9 and found["accuracy"]["rating"] == "good"
    assert done["result"] is None


def test_what_fails_says_which_row_and_why(trial: Trial) -> None:
    """The runtime's own sentence is what is read on the page."""
    trial.appliance.keep_dataset(PROJECT, "wrong", "wrong.csv", b'a\n1\n2\n"three"\n')
    number = trial.appliance.start_job(PROJECT, model="slow", dataset="wrong", task="evaluate", target="b",
                                       measure="regression")  # fmt: skip
    failed = wait_for_end(trial, number)
    assert failed["state"] == "Failed"
    assert failed["sentence"].startswith("The rows have no column 'b' with the right answers.")


def test_what_a_job_printed_is_read_after_its_end(trial: Trial) -> None:
    """The model's lines and ours, when its processes have long been cleared away."""
    trial.appliance.keep_dataset(PROJECT, "texts", "texts.csv", b'a\n"one"\n')
    number = trial.appliance.start_job(PROJECT, model="slow", dataset="texts")
    assert wait_for_end(trial, number)["state"] == "Succeeded"
    wait_until("nothing of it is left", lambda: not find_leftovers(trial, number))
    log = trial.appliance.send("GET", f"/projects/{PROJECT}/jobs/{number}/log")
    assert log["sentence"] == "" and '"model loaded"' in log["text"]
    assert "cannot double texts" in log["text"].splitlines()


@pytest.mark.parametrize("victim", ["supervise", "job"])
def test_a_job_that_is_killed_in_the_middle_goes_on_and_ends_once(trial: Trial, victim: str) -> None:
    """Progress is seen to grow; after a kill no row is missing and none is there twice."""
    appliance = trial.appliance
    number = appliance.start_job(PROJECT, model="slow", dataset="numbers", chunk=4)
    half = appliance.wait_for_job(PROJECT, number, lambda found: found["rows"] >= 40)
    assert (half["state"], half["of"]) == ("Running", 400)
    if victim == "supervise":
        trial.kill("supervise")
    else:
        (parent,) = find_job_processes(trial, number)
        os.kill(parent, signal.SIGKILL)
    done = wait_for_end(trial, number)
    assert done["state"] == "Succeeded", done
    assert [int(row["double"]) for row in read_result(trial, number)] == [2 * row for row in range(400)]
    wait_until("nothing of it is left", lambda: not find_leftovers(trial, number))


def test_a_stopped_job_leaves_no_process_and_a_removed_one_no_trace(trial: Trial) -> None:
    """Stop is at once; what was done is lost, as was said."""
    appliance = trial.appliance
    number = appliance.start_job(PROJECT, model="slow", dataset="numbers", chunk=1)
    appliance.wait_for_job(PROJECT, number, lambda found: found["rows"] > 0)
    assert appliance.send("POST", f"/projects/{PROJECT}/jobs/{number}/stop")["state"] == "Stopped"
    wait_until("nothing of it is left", lambda: not find_leftovers(trial, number))
    appliance.send("DELETE", f"/projects/{PROJECT}/jobs/{number}")
    assert number not in [job["number"] for job in appliance.send("GET", f"/projects/{PROJECT}/jobs")]


def find_job_processes(trial: Trial, number: int) -> list[int]:
    """Return the ids of the processes of a job that tell how it goes."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found += [int(folder.name)] if str(trial.home) in line and f" --job {number} " in line else []
    return found


def find_leftovers(trial: Trial, number: int) -> list[object]:
    """Return what is there of a job: processes, and folders of the supervisor."""
    scratch = (trial.home / "scratch").glob(f"j-{PROJECT}-{number}-*")
    return [*find_job_processes(trial, number), *scratch]

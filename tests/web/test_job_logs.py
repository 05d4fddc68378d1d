"""What jobs print: read from the cluster while it is there, and kept for whoever comes later."""

import dataclasses
import datetime

import pytest
from fastapi.testclient import TestClient

from airgate_web.app import build_app
from airgate_web.domain.job import Job, find_job_name, find_job_number
from airgate_web.domain.job_log import LETTERS_MAX, LINES_MAX, JobLog, explain_no_log, read_last_lines
from airgate_web.domain.names import ROUTE_MAX, find_workload_name
from airgate_web.domain.workload import Observation, ReplicaState
from airgate_web.reconcile.job_logs import AWAY_SECONDS, LOOK_SECONDS
from airgate_web.services.jobs import NUMBER_MAX, JobWish, find_job, start_job
from airgate_web.services.users import start_session
from tests.fakes.samples import NOON, make_job, make_job_report
from tests.web.scene import Scene

JOBS = "/api/v2/projects/qc/jobs"


# What is kept of it


@pytest.mark.parametrize(
    ("printed", "kept"),
    [
        ("", ""),
        ("\n\n", ""),
        ("one\ntwo\n", "one\ntwo"),
        ("  indented\tby a tab\r\n\r\nend", "  indented\tby a tab\n\nend"),
        ("10%\r50%\r100%\n", "10%\n50%\n100%"),
        ("\x1b[1;31mred\x1b[0m and \x1b[2Kgone", "red and gone"),
        ("a\0b\x07c\u2028d\n", "a\ufffdb\ufffdc\ufffdd"),
        ("<script>Zähler 数\n", "<script>Zähler 数"),
    ],
)
def test_lines_are_kept_as_every_database_and_every_page_takes_them(printed: str, kept: str) -> None:
    """A bell, a colour or a zero byte in a model's output breaks nothing and hides nothing else."""
    assert read_last_lines(printed) == kept


def test_of_many_lines_the_last_are_kept_and_of_a_long_one_its_end() -> None:
    """A model that prints without end fills no database."""
    many = read_last_lines("".join(f"{number}\n" for number in range(10_000)))
    assert many.splitlines() == [str(number) for number in range(10_000 - LINES_MAX, 10_000)]
    long = read_last_lines("x" * 10 * LETTERS_MAX + "the end")
    assert len(long) == LETTERS_MAX and long.endswith("xthe end")


@pytest.mark.parametrize("route", ["qc", "a-1-2", "7", "r" * ROUTE_MAX])
@pytest.mark.parametrize("number", [1, 42, NUMBER_MAX])
def test_a_workload_s_name_tells_whose_it_is(route: str, number: int) -> None:
    """Also after the job's end, when nothing else does, and however long the route."""
    assert find_job_number(find_job_name(make_job(route, id=number))) == number


@pytest.mark.parametrize("name", ["", "j-once", find_workload_name("d", "qc", "7"), "j-qc-7-xyz"])
def test_the_name_of_another_workload_is_no_job_s(name: str) -> None:
    """Whatever runs in the cluster, no round fails over its name."""
    assert find_job_number(name) == 0


# Who reads it, and when


@pytest.fixture
def job(scene: Scene) -> Job:
    """A job that runs and has printed something."""
    scene.cluster.printed, scene.cluster.is_endless = "model loaded\n", True
    made = scene.store.add_job(make_job())
    for _ in range(2):
        scene.reconciler.run_round()
    return made


def read(scene: Scene, job: Job) -> str:
    """Return what is kept of a job's log."""
    log = scene.store.find_job_log(job.id)
    return log.text if log else ""


def test_a_job_s_last_lines_are_kept_while_it_runs(scene: Scene, job: Job) -> None:
    """Whoever watches it sees what it prints, with when that was first seen; it is not asked at every round."""
    assert scene.store.find_job_log(job.id) == JobLog("model loaded", NOON)
    scene.cluster.printed += "half\n"
    for _ in range(3):
        scene.reconciler.run_round()
    assert (read(scene, job), scene.cluster.reads) == ("model loaded", 1)
    scene.clock.turn(LOOK_SECONDS)
    scene.reconciler.run_round()
    later = NOON + datetime.timedelta(seconds=LOOK_SECONDS)
    assert scene.store.find_job_log(job.id) == JobLog("model loaded\nhalf", later)


def test_a_job_that_crashed_is_read_at_once(scene: Scene, job: Job) -> None:
    """Its next process may write over what the last one said."""
    scene.cluster.printed += "Segmentation fault\n"
    (facts,) = scene.cluster.observe().workloads
    crashed = dataclasses.replace(facts.replicas[0], state=ReplicaState.FAILED)
    seen = Observation((dataclasses.replace(facts, replicas=(crashed,)),))
    scene.reconciler.job_logs.keep([facts.name], seen)
    assert read(scene, job) == "model loaded\nSegmentation fault"


@pytest.mark.parametrize("end", ["told", "failed", "stopped"])
@pytest.mark.parametrize("anew", [False, True])
def test_the_last_words_are_kept_before_a_job_is_cleared_away(scene: Scene, job: Job, end: str, anew: bool) -> None:
    """However it ended, and also when the reconciler was started anew in between."""
    scene.cluster.printed += "the last word\n"
    if end == "told":
        scene.store.write_job_report(job.id, make_job_report(error="Row 3: no.", ended=True))
    elif end == "failed":
        scene.cluster.is_endless = False
    else:
        scene.store.stop_job("qc", job.id, NOON)
    for _ in range(3):
        (scene.make_reconciler() if anew else scene.reconciler).run_round()
    assert scene.cluster.observe().workloads == ()
    assert read(scene, job) == "model loaded\nthe last word"


def test_a_log_that_is_empty_or_gone_does_not_wipe_out_what_was_kept(scene: Scene, job: Job) -> None:
    """A container that was started anew has printed nothing yet."""
    scene.cluster.printed = ""
    scene.clock.turn(LOOK_SECONDS)
    scene.reconciler.run_round()
    assert read(scene, job) == "model loaded"


def test_a_node_that_does_not_answer_hinders_no_round(scene: Scene, job: Job) -> None:
    """Its log is asked for rarely then; the job is stopped all the same."""
    scene.cluster.is_mute = True
    scene.store.stop_job("qc", job.id, NOON)
    seen = scene.cluster.observe()
    reads = scene.cluster.reads
    for _ in range(3):
        scene.reconciler.job_logs.keep([], seen)
        scene.clock.turn(LOOK_SECONDS)
    assert scene.cluster.reads == reads + 1
    scene.clock.turn(AWAY_SECONDS)
    scene.reconciler.run_round()
    assert scene.cluster.reads == reads + 2
    assert scene.cluster.observe().workloads == ()
    assert read(scene, job) == "model loaded"


# Who is shown it


def test_a_script_reads_the_last_lines(stocked, ada) -> None:
    """While it runs and after its end; before there is anything, one sentence says so."""
    job = start_job(stocked, ada, "qc", JobWish("digits", "iris"))
    with TestClient(build_app(stocked, "internal"), base_url="http://airgate.test") as client:
        assert client.get(f"{JOBS}/{job.id}/log").status_code == 401
        client.headers["Authorization"] = f"Bearer {start_session(stocked, ada)}"
        nothing = {"text": "", "seen": None, "sentence": "It has printed nothing yet."}
        assert client.get(f"{JOBS}/{job.id}/log").json() == nothing
        stocked.store.write_job_log(job.id, JobLog("<b>one\ntwo", NOON + datetime.timedelta(seconds=3)))
        stocked.store.stop_job("qc", job.id, NOON)
        found = client.get(f"{JOBS}/{job.id}/log")
        assert found.json() == {"text": "<b>one\ntwo", "seen": "2030-01-02T12:00:03.123456Z", "sentence": ""}
        assert found.headers["content-type"] == "application/json"
        assert client.get(f"{JOBS}/{job.id + 1}/log").json()["code"] == "not_found"


def test_a_job_that_ended_before_logs_were_kept_says_that_there_is_none(stocked, ada) -> None:
    """No empty box, no guess."""
    job = start_job(stocked, ada, "qc", JobWish("digits", "iris"))
    stocked.store.stop_job("qc", job.id, NOON)
    assert explain_no_log(find_job(stocked, "qc", job.id)) == "Nothing that it printed is kept."

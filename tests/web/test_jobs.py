"""Jobs: what may be wished, what their processes report, and what people read of them."""

import dataclasses
import datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from airgate_serving import arguments
from airgate_web.adapters.cluster_local.command import find_command, find_environ
from airgate_web.adapters.cluster_local.shelf import Ports, ReplicaRecord
from airgate_web.app import build_app
from airgate_web.domain.errors import Invalid, NotFound
from airgate_web.domain.job import JobRecord, JobState, JobStatus, find_job_workload
from airgate_web.domain.model import Permit
from airgate_web.domain.secrets import find_job_secret
from airgate_web.domain.task import Task, TaskKind, find_run_words, read_rows_kind, read_task
from airgate_web.domain.workload import Kind, find_spec_digest
from airgate_web.services.datasets import keep_dataset
from airgate_web.services.jobs import NEWS, NEWS_MOST, JobWish, list_jobs, list_lately_failed, start_job
from airgate_web.services.runtimes import DEFAULT_SLUG, WORKER_SLUG
from airgate_web.services.users import start_session
from airgate_web.ui.columns import find_columns, find_others
from tests.fakes.samples import NOON, TOWERS, make_job, make_job_report, make_node, make_observation, make_version

JOBS = "/api/v2/projects/qc/jobs"
ROWS = b"width,colour,ripe\n5.1,red,yes\n4.9,green,no\n"
LATE = datetime.timedelta(minutes=1)
LATER = NOON + LATE
RUNS, GAVE_UP = JobStatus(JobState.RUNNING), JobStatus(JobState.FAILED, "It ended three times.", LATER)


@pytest.fixture
def client(stocked, ada):
    """A script that is signed in."""
    with TestClient(build_app(stocked, "internal"), base_url="http://airgate.test") as client:
        client.headers["Authorization"] = f"Bearer {start_session(stocked, ada)}"
        yield client


def start(desk, user, **changes):
    """Start a job of `digits` over `iris`."""
    return start_job(desk, user, "qc", JobWish(**({"model": "digits", "dataset": "iris"} | changes)))


# What may be wished


def test_a_job_is_what_was_chosen_and_the_audit_says_so(stocked, ada):
    """Version, file and amounts are fixed when it is wished: what is uploaded later changes nothing."""
    job = start(stocked, ada, keep="width, colour", chunk="50", cpu="0.5", memory=4)
    assert (job.model.name, job.model.version, job.dataset, job.runtime) == ("digits", 1, "iris", WORKER_SLUG)
    assert (job.data.filename, job.data.kind, job.data.size) == ("Iris.CSV", "csv", len(ROWS))
    assert job.task == Task(TaskKind.BATCH, keep=("width", "colour"), chunk=50)
    assert (job.amounts.cpu_millis, job.amounts.memory_mib, job.amounts.accelerators) == (500, 4096, 0)
    assert job.image == "registry/serving@sha256:0"
    entry = stocked.store.list_audit()[0]
    assert (entry.deed, entry.subject) == ("start", f"job qc/job-{job.id}")
    assert entry.detail == "predictions of iris by digits v1 in ai-worker-python-3-11"
    assert list_jobs(stocked, "qc") == [JobRecord(job)]


@pytest.mark.parametrize(
    ("changes", "refusal", "says"),
    [
        ({"model": "none"}, NotFound, "no model 'none'"),
        ({"version": 2}, NotFound, "no version '2'"),
        ({"dataset": "none"}, NotFound, "no data set 'none'"),
        ({"dataset": ""}, Invalid, r"No data set is named\."),
        ({"runtime": DEFAULT_SLUG}, Invalid, f"no worker '{DEFAULT_SLUG}'"),
        ({"task": "train"}, Invalid, "'train' is no task of a job."),
        ({"chunk": 0}, Invalid, "Rows at a time 0 is out of range."),
        ({"chunk": "many"}, Invalid, "Rows at a time 'many' is not a number."),
        ({"keep": {"a": 1}}, Invalid, "columns to keep are not a list"),
        ({"keep": ["a\n"] * 201}, Invalid, "201 columns are to be kept, 200 fit."),
        ({"cpu": 0}, Invalid, "CPU 0 cores is out of range."),
        ({"task": "evaluate", "measure": "classification"}, Invalid, "No column with the right answers is named."),
        ({"task": "evaluate", "target": "ripe", "measure": "beauty"}, Invalid, "'beauty' is not how"),
    ],
)
def test_what_cannot_be_run_is_refused_before_it_is_tried(stocked, ada, changes, refusal, says):
    """One sentence, and no job stays."""
    with pytest.raises(refusal, match=says):
        start(stocked, ada, **changes)
    assert list_jobs(stocked, "qc") == []


def test_a_file_that_holds_no_rows_is_refused_by_its_name(stocked, ada):
    """Nobody waits for a job that cannot read its first row."""
    keep_dataset(stocked, ada, "qc", "pictures", "pictures.zip", iter([b"PK"]))
    with pytest.raises(Invalid, match=r"'pictures\.zip' is neither CSV nor JSON lines nor Parquet"):
        start(stocked, ada, dataset="pictures")
    assert [read_rows_kind(name) for name in ("a.csv", "a.b.JSONL", "a.ndjson", "a.parquet")] == [
        *("csv", "jsonl", "jsonl", "parquet")
    ]


def test_more_than_any_node_has_is_refused(stocked, ada):
    """It could never start."""
    stocked.store.write_observation(make_observation(nodes=(make_node(cpu_millis=2000),)), NOON)
    with pytest.raises(Invalid, match="Asks 4 cores, the largest node has 2"):
        start(stocked, ada, cpu=4)
    assert start(stocked, ada, cpu=2)


def test_a_folder_a_file_past_the_scanner_and_a_model_without_predict_are_no_jobs(stocked, ada):
    """The first is read by its server alone; the second was allowed for what the permission says."""
    permit = Permit("sha256:1", "ours", "os.system", NOON, "ada")
    stocked.store.add_version(make_version(model="folder", path="/models-on/nas/x"))
    stocked.store.add_version(make_version(model="permitted", digest="sha256:1", permit=permit))
    withdrawn = dataclasses.replace(permit, withdrawn=LATER, withdrawn_by="bob")
    stocked.store.add_version(make_version(model="withdrawn", digest="sha256:1", permit=withdrawn))
    stocked.store.add_version(make_version(model="towers", signature=TOWERS))
    for model, says in (
        ("towers", "has no function predict"),
        ("folder", "is a folder"),
        ("permitted", "past the scanner"),
        ("withdrawn", "bob has withdrawn"),
    ):
        with pytest.raises(Invalid, match=says):
            start(stocked, ada, model=model)


@pytest.mark.parametrize(
    ("given", "known", "task"),
    [
        (("batch", (), "ripe", "", 10), "", Task(TaskKind.BATCH, chunk=10)),
        (("evaluate", ("a",), " ripe ", "", 10), "regression", Task(TaskKind.EVALUATE, (), "ripe", "regression", 10)),
        (
            ("evaluate", (), "ripe", "clustering", 10),
            "regression",
            Task(TaskKind.EVALUATE, (), "ripe", "clustering", 10),
        ),
        (("evaluate", (), "", "", 10), "clustering", Task(TaskKind.EVALUATE, (), "", "clustering", 10)),
    ],
)
def test_an_evaluation_judges_as_the_model_says_or_as_it_is_told(given, known, task):
    """Columns to keep are of predictions, a column with right answers of an evaluation; clusters can do without."""
    assert read_task(*given, known) == task


def test_a_model_that_does_not_say_its_task_must_be_told():
    """It is not guessed from the rows."""
    with pytest.raises(Invalid, match="does not say what its task is") as refused:
        read_task("evaluate", (), "ripe", "", 10, "")
    assert "classification, regression, clustering" in refused.value.hint


def test_the_runtime_is_told_in_words_that_no_column_can_bend():
    """A column's name may look like a flag."""
    task = Task(TaskKind.EVALUATE, target="--web", measure="regression")
    run = find_job_workload(make_job(id=7, task=task), "s").run
    words = find_run_words(run, "/models/x", "/work", "http://web:8000")
    assert words[:4] == ["--task", "evaluate", "--rows", "/models/x"]
    assert "--target=--web" in words and words[words.index("--web") + 1] == "http://web:8000"
    batch = find_job_workload(make_job(id=7), "s").run
    assert [word for word in find_run_words(batch, "", "", "") if word.startswith("--keep")] == [
        "--keep=id",
        "--keep=Zähler",
    ]


def test_two_jobs_are_two_workloads_and_other_workloads_stay_what_they_were():
    """The name is unique; what runs through an upgrade is not started anew because jobs came."""
    one, other = (find_job_workload(make_job(id=number), "s") for number in (1, 2))
    assert (one.kind, one.node_class, one.replicas) == (Kind.JOB, "compute", 1)
    assert one.name != other.name
    service = dataclasses.replace(one, kind=Kind.SERVICE, run=None)
    assert find_spec_digest(service) != find_spec_digest(one)


def test_a_process_of_this_machine_is_told_where_its_files_lie_and_to_whom_it_reports():
    """Its own secret is in its environment alone, no gate's; without an address of web it is not begun."""
    wish = find_job_workload(make_job(id=7), "its secret")
    record = ReplicaRecord("j-1", wish, 1, Ports(1, 2, 3))
    files, folders = (Path("/blobs/model"), Path("/blobs/rows")), (Path("/blobs"), Path("/scratch/j-1"))
    words = find_command(("airgate-serve",), record, files, folders, "unix:/run/web.sock")
    assert words[:3] == ["airgate-serve", "job", "/blobs/model"]
    assert [words[words.index(flag) + 1] for flag in ("--rows", "--folder", "--web", "--job", "--threads")] == [
        *("/blobs/rows", "/scratch/j-1", "unix:/run/web.sock", "7", "1")
    ]
    arguments.build_job_parser().parse_args(words[2:])
    environ = find_environ({"PATH": "/bin"}, record, None, folders[1], "http://traces:4318")
    assert environ == {"PATH": "/bin", "AIRGATE_JOB_SECRET": "its secret", "CUDA_VISIBLE_DEVICES": ""}
    with pytest.raises(ValueError, match="--web-url"):
        find_command(("airgate-serve",), record, files, folders)


def test_a_job_that_failed_is_news_for_a_day(desk):
    """Who comes in the morning hears of the night; the newest few, so that the page is not full of them."""
    now = desk.clock.now()
    ends = [now - NEWS - LATE, now - NEWS, *[now] * NEWS_MOST]
    jobs = [desk.store.add_job(make_job()) for _ in ends]
    for job, end in zip(jobs, ends, strict=True):
        desk.store.write_job_report(job.id, make_job_report(reported=end, error="Row 3: no.", ended=True))
    done = desk.store.add_job(make_job())
    desk.store.write_job_report(done.id, make_job_report(reported=now, ended=True))
    assert [record.job.id for record in list_lately_failed(desk)] == [job.id for job in reversed(jobs[2:])]
    for job in jobs[2:]:
        desk.store.remove_job("qc", job.id)
    assert [record.job.id for record in list_lately_failed(desk)] == [jobs[1].id]


# The doors


def test_a_script_starts_follows_stops_and_removes(client, stocked):
    """The whole life of a job over REST, with its process's part at the internal address."""
    made = client.post(JOBS, json={"model": "digits", "dataset": "iris", "keep": ["width"], "memory": 1.5})
    assert made.status_code == 201
    number = made.json()["number"]
    assert (made.json()["state"], made.json()["keep"], made.json()["memory"]) == ("Waiting", ["width"], 1.5)
    mine = {"Authorization": f"Bearer {find_job_secret('internal', number)}"}
    told = client.post(f"/internal/jobs/{number}", json={"rows": 1, "of": 2, "later": True}, headers=mine)
    assert told.status_code == 204
    stocked.store.write_job_status(number, RUNS)
    found = client.get(f"{JOBS}/{number}").json()
    assert (found["state"], found["rows"], found["of"], found["result"]) == ("Running", 1, 2, None)
    assert client.get(f"{JOBS}/{number}/result").json()["code"] == "not_found"
    sent = client.put(f"/internal/jobs/{number}/result?rows=2", content=b"<script>", headers=mine)
    assert sent.status_code == 204
    got = client.get(f"{JOBS}/{number}/result")
    assert got.content == b"<script>"
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["content-disposition"].startswith("attachment")
    assert [(one["number"], one["state"]) for one in client.get(JOBS).json()] == [(number, "Succeeded")]
    assert client.post(f"{JOBS}/{number}/stop").json()["code"] == "conflict"
    assert client.delete(f"{JOBS}/{number}").status_code == 204
    assert client.get(f"{JOBS}/{number}").status_code == 404
    assert client.post(f"/internal/jobs/{number}", json={"rows": 2}, headers=mine).status_code == 409


@pytest.mark.parametrize("number", ["0", "-1", "99", "9" * 30, "one"])
def test_a_number_that_is_no_job_s_is_refused_and_no_error(client, number):
    """Whatever stands in the address."""
    answer = client.get(f"{JOBS}/{number}")
    assert answer.json()["code"] == ("invalid" if number == "one" else "not_found")


def test_a_script_reads_metrics_and_why_a_job_failed(client):
    """Figures with their ratings; the sentence of the runtime as it is."""
    body = {"model": "digits", "dataset": "iris", "task": "evaluate", "target": "ripe", "measure": "regression"}
    first, second = (client.post(JOBS, json=body).json()["number"] for _ in range(2))
    metrics = [{"name": "r2", "value": 0.6, "rating": "fair"}, {"name": "mae", "value": 3.5, "rating": ""}]
    for number, end in ((first, {"rows": 2, "metrics": metrics}), (second, {"error": "Row 1: no."})):
        headers = {"Authorization": f"Bearer {find_job_secret('internal', number)}"}
        assert client.post(f"/internal/jobs/{number}", json={**end, "ended": True}, headers=headers).status_code == 204
    found = client.get(f"{JOBS}/{first}").json()
    assert (found["state"], found["metrics"], found["measure"]) == ("Succeeded", metrics, "regression")
    found = client.get(f"{JOBS}/{second}").json()
    assert (found["state"], found["sentence"], found["metrics"]) == ("Failed", "Row 1: no.", [])


def test_a_job_speaks_for_itself_alone(client):
    """Neither a session, nor another job's secret, nor the internal token opens its address; its own opens no other."""
    first, second = (client.post(JOBS, json={"model": "digits", "dataset": "iris"}).json()["number"] for _ in range(2))
    for secret in (find_job_secret("internal", second), "internal", ""):
        headers = {"Authorization": f"Bearer {secret}"}
        assert client.post(f"/internal/jobs/{first}", json={"rows": 1}, headers=headers).status_code == 401
        assert client.put(f"/internal/jobs/{first}/result", content=b"x", headers=headers).status_code == 401
    assert client.post(f"/internal/jobs/{first}", json={"rows": 1}).status_code == 401
    mine = {"Authorization": f"Bearer {find_job_secret('internal', first)}"}
    assert client.get("/internal/gateway", headers=mine).status_code == 401
    assert client.get(JOBS, headers=mine).status_code == 401
    assert client.get(f"{JOBS}/{first}").json()["rows"] == 0


def test_a_word_that_is_none_is_refused(client):
    """A process of another release, or a broken one, changes nothing."""
    number = client.post(JOBS, json={"model": "digits", "dataset": "iris"}).json()["number"]
    mine = {"Authorization": f"Bearer {find_job_secret('internal', number)}"}
    for body in ({"rows": -1}, {"of": 2**53}, {"ended": True, "metrics": [{"name": "a"}]}):
        assert client.post(f"/internal/jobs/{number}", json=body, headers=mine).status_code == 400
    large = client.post(f"/internal/jobs/{number}", content=b"x" * (33 * 2**20), headers=mine)
    assert large.json()["code"] == "too_large"
    assert client.get(f"{JOBS}/{number}").json()["started"] is None


@pytest.mark.parametrize(
    ("head", "kind", "columns"),
    [
        ('\ufeffwidth,"a, b",ripe\n5.1,red,yes', "csv", ("width", "a, b", "ripe")),
        ('{"width": 5.1, "ripe": true}\n{"later": 1}', "jsonl", ("width", "ripe")),
        ("[1, 2]", "jsonl", ()),
        ('{"cut off', "jsonl", ()),
        ('a,"b', "csv", ()),
        ("", "csv", ()),
        ("PAR1", "parquet", ()),
    ],
)
def test_the_form_s_help_is_what_the_first_line_shows(head, kind, columns):
    """Names for a form to begin with; whatever else stands there is no error."""
    assert find_columns(head, kind) == columns


def test_columns_that_a_model_does_not_ask_for_are_suggested_to_be_kept():
    """Where it asks for none of them by name, all are its input and nothing is suggested."""
    assert find_others(("width", "id", "ripe"), ("width",)) == ("id", "ripe")
    assert find_others(("0", "1"), ("pixels",)) == ()

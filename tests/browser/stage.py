"""A stage for the pages: the real pages and services over fakes, filled with a small site that has four cards."""

import dataclasses
import datetime
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from airgate_kit.clock import SystemClock
from airgate_web.adapters.folders_disk import DiskFolders
from airgate_web.adapters.tokens_jwt import JwtTokens
from airgate_web.app import build_app
from airgate_web.domain.amounts import Amounts
from airgate_web.domain.deployment import DeploymentStatus
from airgate_web.domain.job import JobReport, JobState, JobStatus, Metric, Result
from airgate_web.domain.job_log import JobLog
from airgate_web.domain.model import ModelVersion, Permit, Signature, TensorSpec
from airgate_web.domain.runtime import RuntimeKind
from airgate_web.domain.server import Server
from airgate_web.domain.task import Task, TaskKind
from airgate_web.domain.user import Role
from airgate_web.domain.workload import DeviceFacts, Holder, ModelFile, Observation, Replica, ReplicaState
from airgate_web.ports import Fit, TrialRun
from airgate_web.services.desk import Desk
from airgate_web.services.passwords import make_hash
from airgate_web.services.runtimes import DEFAULT_SLUG, WORKER_SLUG, put_default_runtimes, put_runtimes
from airgate_web.ui import About, add_pages
from tests.fakes.blobs_memory import MemoryBlobs
from tests.fakes.desk import KEY
from tests.fakes.samples import (
    SCRIPT,
    TOWERS,
    make_dataset,
    make_deployment,
    make_job,
    make_node,
    make_project,
    make_runtime,
    make_user,
    make_version,
)
from tests.fakes.store_memory import MemoryStore
from tests.fakes.tester_fake import FakeTester

PASSWORD = "four words are good"
PROJECT = "/projects/quality-control"  # its pages
INTERNAL = "an internal token"
RUNS, PREDICTED, JUDGED, FAILED = 6, 7, 8, 9  # the jobs that are there at first
LIMIT = 1_000_000  # bytes of an upload
QAIC = "qualcomm.com/qaic"
SERVER = Server(8000, "/health", "/metrics", ("vllm", "serve"), ("/models/llama", "--port", "{port}"))
IRIS = Signature(
    inputs=tuple(
        TensorSpec(name, "FP32", (-1, 1), sample=[[value]])
        for name, value in (("sepal_length", 5.1), ("sepal_width", 3.5), ("petal_length", 1.4), ("petal_width", 0.2))
    ),
    outputs=(TensorSpec("label", "INT64", (-1,)), TensorSpec("probabilities", "FP32", (-1, 3))),
)
IMAGE = Signature(
    inputs=(TensorSpec("image", "FP32", (-1, 64), sample=[[0.0] * 64]),),
    outputs=(TensorSpec("label", "INT64", (-1,)), TensorSpec("probabilities", "FP32", (-1, 10))),
)


FOUND = "Opening this file would use posix.system, which no scikit-learn model needs, so it was not opened."
WARNING = (
    "The file was made with scikit-learn 1.4.2; this runtime has 1.9.1, which is newer. Its answers may differ: "
    "compare them with your own, or make a runtime with the file's versions by airgate-serve freeze FILE --wheels DIR "
    "--to LOCK."
)


class Scorer(FakeTester):
    """Answers with the probabilities of three classes, whatever it is asked; "bad" in the input makes it fail.

    Its scikit-learn is newer than that of any file.
    """

    def judge(self, runtime: str, libraries: Mapping[str, str]) -> Fit:
        return Fit(here=dict(libraries), warnings=(WARNING,) if "scikit-learn" in libraries else ())

    def test(self, runtime: str, version: ModelVersion, function: str, args: object) -> TrialRun:
        run = super().test(runtime, version, function, args)
        if "bad" in str(args):
            refused = {"error": "The input 'sepal_width' is missing.", "hint": "Send it too."}
            return dataclasses.replace(run, ok=False, device="", seconds=0, load_seconds=0, **refused)
        return dataclasses.replace(run, result=[{"label": 0, "probabilities": [0.977, 0.021, 0.002]}])


def make_site(folder: Path) -> Desk:
    """Return a desk with a user "ada", two projects, two models and three deployments on one node."""
    clock = SystemClock()
    blobs = MemoryBlobs(folder, clock)
    desk = Desk(MemoryStore(), blobs, Scorer(blobs), JwtTokens(KEY, clock), clock, LIMIT, os.urandom)
    desk = dataclasses.replace(desk, folders=DiskFolders([folder]))
    desk.store.add_user(make_user(password_hash=make_hash(PASSWORD), created=clock.now()))
    put_default_runtimes(desk, "registry/serving@sha256:0")
    put_runtimes(desk, [make_runtime("llm", name="Llama", kind=RuntimeKind.SERVER, formats=(), server=SERVER)])
    fill_projects(desk, clock.now())
    fill_deployments(desk, clock.now())
    fill_jobs(desk, clock.now())
    return desk


def fill_projects(desk: Desk, now: datetime.datetime) -> None:
    """Add the projects and their models."""
    day = datetime.timedelta(days=1)
    desk.store.add_project(
        make_project("quality-control", name="Quality control", description="Line 3, camera 2", created=now - 9 * day)
    )
    desk.store.add_project(make_project("botany", name="Botany", created=now - day))
    for age in (8, 6, 3, 1):
        desk.store.add_version(
            make_version(
                "quality-control", signature=IMAGE, size=48_120, created=now - age * day, filename="digits.onnx"
            )
        )
    desk.store.add_version(
        make_version("quality-control", "iris", format="sklearn", signature=IRIS, size=3200, created=now - day)
    )
    old = {"libraries": {"scikit-learn": "1.4.2"}, "filename": "trees.pkl", "created": now - day}
    desk.store.add_version(make_version("botany", "trees", format="sklearn", signature=IRIS, size=3200, **old))
    digest, size = desk.blobs.put(iter([b"danger"]), LIMIT)
    permit = Permit(digest, "Made on line 3 by our own people.", FOUND, now - day, "ada")
    moss = {"format": "sklearn", "digest": digest, "size": size, "signature": IRIS, "created": now, "permit": permit}
    desk.store.add_version(make_version("botany", "moss", filename="moss.pkl", **moss))
    desk.note(make_user(), "allow past the scanner", "model botany/moss", f"version 1, {digest}: {permit.reason}")
    file = ModelFile("moss", 1, "sklearn", "moss.pkl", digest, size, override=True)
    desk.store.add_deployment(make_deployment("botany", "moss-live", model=file, runtime=DEFAULT_SLUG, created=now))
    rules = {"signature": SCRIPT, "sample": {"line": 3, "colours": ["red"]}, "created": now - day}
    desk.store.add_version(make_version("botany", "rules", format="script", filename="rules.py", **rules))
    towers = {"signature": TOWERS, "filename": "towers.zip", "task": "", "created": now - 2 * day}
    desk.store.add_version(make_version("botany", "towers", format="mlflow", **towers))


def fill_deployments(desk: Desk, now: datetime.datetime) -> None:
    """Add one deployment that is ready, one that waits for a card, and what the node looks like."""
    hours = datetime.timedelta(hours=1)
    live = add_deployment(desk, "digits-live", 2, created=now - 70 * hours)
    second = add_deployment(desk, "digits-second", 1, created=now - hours / 10)
    replicas = tuple(
        Replica(
            f"d-quality-control-digits-live-{n}",
            ReplicaState.READY,
            "d",
            "edge-1",
            (f"qaic{n}",),
            "",
            n,
            now - 70 * hours,
            "CPU",
        )
        for n in (0, 1)
    )
    notice = "It computes on the CPU although it holds a card: this runtime has no provider for qualcomm.com/qaic."
    desk.store.write_status(live, DeploymentStatus(ReplicaState.READY, 1, 2, 2, "", notice, replicas, updated=now))
    why = (
        "Asks 2 qualcomm.com/qaic, 1 of 4 free: 2 held by quality-control/digits-live, "
        "1 unhealthy (qaic3: link degraded x8 to x4)."
    )
    waiting = (Replica("d-quality-control-digits-second-0", ReplicaState.WAITING, "d", started=now - hours / 10),)
    desk.store.write_status(second, DeploymentStatus(ReplicaState.WAITING, 1, 0, 1, why, "", waiting, updated=now))
    desk.store.write_observation(make_observation(now), now)


def fill_jobs(desk: Desk, now: datetime.datetime) -> None:
    """Add a data set and four jobs over it: one that runs, and three that ended each in its own way."""
    rows = b"sepal_length,sepal_width,petal_length,petal_width,species\n5.1,3.5,1.4,0.2,setosa\n"
    digest, size = desk.blobs.put(iter([rows]), LIMIT)
    minutes = datetime.timedelta(minutes=1)
    desk.store.add_dataset(make_dataset("quality-control", "flowers", digest=digest, size=size, created=now - minutes))
    file = ModelFile("iris", 1, "sklearn", "iris.pkl", "sha256:" + "ab" * 32, 3200)
    wish = {"model": file, "dataset": "flowers", "runtime": WORKER_SLUG, "amounts": Amounts(1000, 2048)}
    batch, judge = Task(TaskKind.BATCH, keep=("species",)), Task(TaskKind.EVALUATE, (), "species", "classification")
    for number, (age, task) in enumerate(((1, batch), (8, batch), (20, judge), (50, batch)), RUNS):
        made = desk.store.add_job(make_job("quality-control", task=task, created=now - age * minutes, **wish))
        assert made.id == number
    for number in (RUNS, PREDICTED, JUDGED, FAILED):
        desk.store.write_job_status(number, JobStatus(JobState.RUNNING))
    started = {"started": now - minutes, "reported": now}
    metrics = (Metric("accuracy", 0.953333, "good"), Metric("recall", 0.81, "fair"), Metric("log_loss", 0.9, "bad"))
    predictions = Result(
        *desk.blobs.put(iter([b"species,PredictedValue\nsetosa,setosa\n"]), LIMIT), "flowers-iris-v1.csv"
    )
    why = "Row 17: The input 'sepal_length' holds texts; the model takes FP64. Send numbers."
    reports = {
        RUNS: {"rows": 150_000, "of": 600_000},
        PREDICTED: {"rows": 150, "of": 150, "result": predictions, "ended": True},
        JUDGED: {"rows": 150, "of": 150, "metrics": (*metrics, Metric("max_error", 3.0)), "ended": True},
        FAILED: {"rows": 10, "of": 150, "error": why, "ended": True},
    }
    for number, report in reports.items():
        desk.store.write_job_report(number, JobReport(**started, **report))  # type: ignore[arg-type]
    for number in (RUNS, FAILED):
        desk.store.write_job_log(number, JobLog(make_log(number, reports[number].get("error", "")), now))


def make_log(number: int, error: object) -> str:
    """Return what a job prints: three lines of ours, as many of its model's, and of one that has ended how."""
    head = (
        '{"time": "2030-01-02T12:00:00.123Z", "level": "info", "logger": "airgate_serving.batch", '
        '"message": "model loaded", "engine": "scikit-learn", "device": "CPU"}'
    )
    lines = [head, *(f"iris: looked at chunk {chunk}" for chunk in range(60))]
    end = [f"airgate-serve: {error}", f"Job {number}: failed: {error}"] if error else []
    return "\n".join([*lines, *end])


def add_deployment(desk: Desk, name: str, replicas: int, **changes: Any) -> int:
    """Add a deployment of digits and return its id."""
    version = desk.store.find_version("quality-control", "digits", 4)
    assert version is not None
    file = ModelFile("digits", 4, "onnx", version.filename, version.digest, version.size)
    amounts = Amounts(1000, 1024, replicas, QAIC)
    fields = {"model": file, "runtime": DEFAULT_SLUG, "amounts": amounts, "replicas": replicas} | changes
    return desk.store.add_deployment(make_deployment("quality-control", name, **fields)).id


def make_observation(now: datetime.datetime) -> Observation:
    """Return one node with four cards, two of them held and one sick."""
    holders = tuple(
        Holder(QAIC, 1, "quality-control/digits-live", f"d-quality-control-digits-live-{n}", "edge-1", now)
        for n in (0, 1)
    )
    sick = {3: "link degraded x8 to x4"}
    devices = tuple(
        DeviceFacts(f"qaic{n}", QAIC, "edge-1", n not in sick, sick.get(n, ""), simulated=True) for n in range(4)
    )
    node = make_node("edge-1", allocatable={QAIC: 3})
    return Observation(nodes=(node,), holders=holders, devices=devices)


def make_app(desk: Desk) -> FastAPI:
    """Return the whole web process, API and pages, with a few levers behind /stage for the tests."""
    app = build_app(desk, INTERNAL)
    add_levers(app, desk)
    hint = "First time here? The name is ada; the password lies in ~/.local/share/airgate/first-password."
    add_pages(app, desk, About("0.1.0", lambda: hint))
    return app


def add_levers(app: FastAPI, desk: Desk) -> None:
    """Let a test in another process play the reconciler and count what is kept."""

    @app.post("/stage/ready/{route}/{name}")
    def make_ready(route: str, name: str) -> None:
        kept = desk.store.find_deployment(route, name)
        assert kept is not None
        replicas = tuple(
            Replica(f"{name}-{n}", ReplicaState.READY, "d", "edge-1", (), started=desk.clock.now(), device="CPU")
            for n in range(kept.replicas)
        )
        status = DeploymentStatus(ReplicaState.READY, kept.generation, kept.replicas, kept.replicas, replicas=replicas)
        desk.store.write_status(kept.id, status)

    @app.post("/stage/printed/{number}")
    def keep_printed(number: int, text: str) -> None:
        desk.store.write_job_log(number, JobLog(text, desk.clock.now()))

    @app.post("/stage/role/{name}/{role}")
    def give_role(name: str, role: str) -> None:
        user = desk.store.find_user(name)
        assert user is not None
        desk.store._users[name] = dataclasses.replace(user, role=Role(role))  # type: ignore[attr-defined]

    @app.get("/stage/blobs")
    def count_blobs() -> int:
        return len(desk.blobs.list())


def main() -> None:
    """Serve the stage on the port of the first argument, 0 for a free one, print the port, keep files in the second."""
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    app = make_app(make_site(Path(sys.argv[2])))
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


@contextmanager
def run_stage(port: int = 0) -> Iterator[str]:
    """Run the stage as a process of its own and yield its address: the pages' framework is one object a process.

    Its folder is made and removed here, because the signal that ends the stage leaves it no time to.
    """
    with tempfile.TemporaryDirectory() as folder:
        program = [sys.executable, "-m", "tests.browser.stage", str(port), folder]
        process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()
            process.communicate(timeout=20)


if __name__ == "__main__":
    main()

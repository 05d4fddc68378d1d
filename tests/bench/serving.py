"""The serving runtime beside its peers and an echo, the same ONNX file in each, one server core, one client core."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy

from airgate_trial.samples import train_digits
from tests.bench import serving_doors, serving_tiers
from tests.bench.figures import Figure, find_median
from tests.bench.load import (
    RUNS,
    SECONDS,
    TICK_US,
    WARM_SECONDS,
    Load,
    find_cpu_ticks,
    find_resident_mb,
    run_load,
    run_server,
)
from tests.bench.serving_peers import FOLDER, find_peers
from tests.bench.serving_tiers import wait_for_ok
from tests.gateway.rig import find_free_port

BINARIES = Path(sys.executable).parent
CONNECTIONS = (1, 32)
COST = f"CPU for 1,000 requests, {CONNECTIONS[-1]} connections"
BODY = json.dumps(
    {"inputs": [{"name": "pixels", "shape": [1, 64], "datatype": "FP32", "data": [float(i % 17) for i in range(64)]}]}
).encode()


def find_figures() -> list[Figure]:
    """Measure echo, ours and the peers in turn; their outputs must be the same."""
    model = write_model()
    answers: dict[str, Any] = {}
    loads: dict[str, dict[int, list[Load]]] = {}
    memory: dict[str, float] = {}
    cost: dict[str, float] = {}
    for name, server in (("echo", run_echo()), ("ours", run_ours(model)), *find_peers(model)):
        with server as (url, pid):
            answers[name] = httpx.post(url, content=BODY, headers={"content-type": "application/json"}).json()
            loads[name] = {count: [run_load(url, BODY, count) for _ in range(RUNS)] for count in CONNECTIONS}
            cost[name] = measure_cost(url, pid)
            memory[name] = find_resident_mb(pid)
    compare_outputs(answers)
    peers = [name for name in loads if name not in ("echo", "ours")]
    figures = [figure for count in CONNECTIONS for figure in find_load_figures(loads, peers, count)]
    figures.append(
        Figure("resident memory after load", "MB", memory["ours"], {p: memory[p] for p in peers}, goal="<= 110")
    )
    figures.append(Figure(COST, "s", cost["ours"], {p: cost[p] for p in peers}, {"echo": cost["echo"]}))
    figures.append(
        find_median("start to first answer", "s", [measure_start(model) for _ in range(RUNS)], goal="<= 0.6")
    )
    return [*figures, *serving_doors.find_figures(model, BODY), *serving_tiers.find_figures()]


def measure_cost(url: str, pid: int) -> float:
    """Return the CPU seconds of a server, its workers included, for a thousand requests."""
    before = find_cpu_ticks(pid, children=True)
    load = run_load(url, BODY, CONNECTIONS[-1])
    ticks = find_cpu_ticks(pid, children=True) - before
    return round(ticks * TICK_US / 1e6 / (load.rate * (SECONDS + WARM_SECONDS)) * 1000, 3)


def find_load_figures(loads: dict[str, dict[int, list[Load]]], peers: list[str], count: int) -> list[Figure]:
    """Return rate, p50 and p99 at so many connections, each beside the peers and the echo."""

    def median(name: str, what: str) -> float:
        return find_median("", "", [getattr(load, what) for load in loads[name][count]]).ours

    failed = sum(load.errors for load in loads["ours"][count])
    assert not failed, f"{failed} requests failed"
    label = f"Open Inference JSON, 64 floats, {count} connection{'s' if count > 1 else ''}"
    return [
        find_median(
            f"{label}: {text}",
            unit,
            [getattr(load, what) for load in loads["ours"][count]],
            peers={peer: median(peer, what) for peer in peers},
            limit={"echo": median("echo", what)},
            goal=goal if what == "rate" else "",
        )
        for what, text, unit in (("rate", "requests", "1/s"), ("p50", "p50", "ms"), ("p99", "p99", "ms"))
        for goal in (">= 0.85 of echo, >= 8 x MLServer" if count > 1 else ">= 0.75 of echo",)
    ]


def write_model() -> Path:
    """Write the MLP that every server runs and return its path."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / "digits.onnx"
    path.write_bytes(train_digits())
    return path.absolute()


@contextmanager
def run_echo() -> Iterator[tuple[str, int]]:
    """Run the echo; yield its address and process id."""
    port = find_free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [str(BINARIES / "granian"), "--interface", "rsgi", "--port", str(port), "--no-ws", "--loop", "uvloop"]
    with run_server("echo", [*command, "tests.bench.peers.echo:app"], url) as pid:
        yield url, pid


@contextmanager
def run_ours(model: Path) -> Iterator[tuple[str, int]]:
    """Run our runtime as a deployment runs it; yield the address of infer and the process id."""
    port, grpc, admin = find_free_port(), find_free_port(), find_free_port()
    command = [str(BINARIES / "airgate-serve"), str(model), "--name", "digits", "--version", "1", "--host", "127.0.0.1"]
    ports = ["--http-port", str(port), "--grpc-port", str(grpc), "--admin-port", str(admin)]
    ready = f"http://127.0.0.1:{port}/v2/health/ready"
    with run_server("ours", [*command, *ports], ready) as pid:
        wait_for_ok(ready)
        yield f"http://127.0.0.1:{port}/v2/models/digits/infer", pid


def compare_outputs(answers: dict[str, Any]) -> None:
    """Fail when two servers do not answer the same numbers."""
    ours = {output["name"]: numpy.ravel(output["data"]) for output in answers["ours"]["outputs"]}
    for name, answer in answers.items():
        if name in ("echo", "ours"):
            continue
        for output in answer["outputs"]:
            numpy.testing.assert_allclose(ours[output["name"]], numpy.ravel(output["data"]), rtol=1e-5, atol=1e-7)


def measure_start(model: Path) -> float:
    """Return seconds from the command to its first answer."""
    begin = time.monotonic()
    with run_ours(model) as (url, _):
        httpx.post(url, content=BODY).raise_for_status()
        return round(time.monotonic() - begin, 3)

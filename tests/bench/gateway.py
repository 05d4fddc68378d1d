"""What the gateway adds: the same runtime and model directly, and through TLS, token and Envoy.

Envoy runs on the runtime's core, so the rate through it is that of one core for both.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx

from airgate_web.gateway.snapshot import find_snapshot
from tests.bench.figures import Figure, find_median
from tests.bench.load import (
    RUNS,
    SECONDS,
    SERVER_CORE,
    TICK_US,
    WARM_SECONDS,
    Load,
    find_cpu_ticks,
    find_resident_mb,
    run_load,
    wait_until,
)
from tests.bench.serving import BODY, CONNECTIONS, run_ours, write_model
from tests.gateway.rig import Gateway, Web, find_free_port, is_ready, serve_web
from tests.gateway.test_gateway import Keys, make_certificate, make_route


def find_figures() -> list[Figure]:
    """Measure direct and through, at each number of connections."""
    with run_ours(write_model()) as (url, _):
        port = int(httpx.URL(url).port or 0)
        direct = {count: [run_load(url, BODY, count) for _ in range(RUNS)] for count in CONNECTIONS}
        with run_gateway(port) as (door, token, envoy):
            headers = {"authorization": f"Bearer {token}"}
            address = f"{door}/api/v1/svc/qc/one/v2/models/digits/infer"
            check_answers(url, address, headers)
            through: dict[int, list[Load]] = {}
            cost: dict[int, list[float]] = {}
            for count in CONNECTIONS:
                measured = [measure_cost(envoy, address, count, headers) for _ in range(RUNS)]
                through[count] = [load for load, _ in measured]
                cost[count] = [microseconds for _, microseconds in measured]
            memory = find_resident_mb(envoy)
    figures = [f for count in CONNECTIONS for f in find_pair(count, direct[count], through[count], cost[count])]
    return [*figures, Figure("resident memory of Envoy, 1 deployment", "MB", memory)]


def find_pair(count: int, direct: list[Load], through: list[Load], cost: list[float]) -> list[Figure]:
    """Return rate, p50, p99, added p50 and CPU at so many connections."""
    label = f"TLS, token and gateway, {count} connection{'s' if count > 1 else ''}"
    assert not sum(load.errors for load in through), "requests failed"

    def pair(what: str, text: str, unit: str) -> Figure:
        plain = find_median("", "", [getattr(load, what) for load in direct]).ours
        return find_median(f"{label}: {text}", unit, [getattr(load, what) for load in through], limit={"direct": plain})

    added = [load.p50 - find_median("", "", [load.p50 for load in direct]).ours for load in through]
    return [
        pair("rate", "requests", "1/s"),
        pair("p50", "p50", "ms"),
        pair("p99", "p99", "ms"),
        find_median(f"{label}: p50 added", "ms", added, goal="<= 0.3" if count == 1 else ""),
        find_median(f"{label}: CPU of Envoy a request", "us", cost, goal="<= 70"),
    ]


@contextlib.contextmanager
def run_gateway(port: int) -> Iterator[tuple[str, str, int]]:
    """Run agent and Envoy before one runtime; yield the door, a token and Envoy's process id."""
    keys, door = Keys(), find_free_port()
    with tempfile.TemporaryDirectory() as name, serve_web(Web()) as web:
        folder = Path(name)
        make_certificate(folder)
        flags = ["--https", f"127.0.0.1:{door}", "--tls-cert", f"{folder}/tls.crt", "--tls-key", f"{folder}/tls.key"]
        gateway = Gateway(folder / "routes", f"http://127.0.0.1:{web.port}", *flags)
        web.snapshot = find_snapshot([make_route(1, "one", port)], keys.jwks)
        gateway.start("agent", "envoy")
        url = f"https://127.0.0.1:{door}"
        try:
            wait_until("the gateway is ready", lambda: is_ready(url))
            envoy = gateway.processes["envoy"].pid
            for thread in Path(f"/proc/{envoy}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {int(SERVER_CORE)})
            yield url, keys.sign("qc/one"), envoy
        finally:
            gateway.stop("envoy", "agent")


def check_answers(direct: str, through: str, headers: dict[str, str]) -> None:
    """Fail unless both ways answer the same numbers."""
    one = httpx.post(direct, content=BODY).json()["outputs"]
    ask = partial(httpx.post, through, content=BODY, headers=headers, verify=False)
    wait_until("the gateway knows the route", lambda: ask().status_code == 200)
    assert ask().json()["outputs"] == one


def measure_cost(envoy: int, url: str, count: int, headers: dict[str, str]) -> tuple[Load, float]:
    """Return one load and the microseconds of Envoy's CPU that each request took, the warm-up's included."""
    before = find_cpu_ticks(envoy)
    load = run_load(url, BODY, count, headers)
    ticks = find_cpu_ticks(envoy) - before
    return load, round(ticks * TICK_US / (load.rate * (SECONDS + WARM_SECONDS)), 1)

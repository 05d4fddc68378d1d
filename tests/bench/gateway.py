"""What the gateway adds: the same runtime and model directly, and through TLS, token and Envoy, for every tier.

Envoy runs on the runtime's core, so the rate through it is that of one core for both. The goals are for requests of a
few kilobytes: a large one also costs what it takes to decrypt and to copy it. Direct and through are measured in turn.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import httpx
import numpy

from airgate_web.gateway.snapshot import find_snapshot
from tests.bench.figures import Figure, find_median
from tests.bench.load import (
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
from tests.bench.serving import write_model
from tests.bench.serving_tiers import Tier, make_json_tier, make_tiers, run_ours_on
from tests.gateway.rig import Gateway, Web, find_free_port, is_ready, serve_web
from tests.gateway.test_gateway import Keys, make_certificate, make_route

RUNS = 3  # of each, direct and through: there are six tiers
SMALL_BYTES = 4096  # of a request that the goals are for
MOST_ADDED_MS, MOST_CPU_US = 0.3, 70
PATH = "/api/v1/svc/qc/one/v2/models/tier/infer"


@dataclass(frozen=True, slots=True)
class Pair:
    """One run at so many connections: direct, through, and microseconds of Envoy's CPU for each request of that."""

    direct: Load
    through: Load
    cost: float


def find_figures() -> list[Figure]:
    """Measure every tier, at one connection and at its own number of them."""
    rows = numpy.array([[i % 17 for i in range(64)]], dtype=numpy.float32)
    digits = replace(make_json_tier("64 floats", write_model(), "pixels", rows), connections=32)
    return [figure for tier in (digits, *make_tiers()) for figure in measure_tier(tier)]


def measure_tier(tier: Tier) -> list[Figure]:
    """Return rate, p50, p99, what the gateway adds, and its memory after that."""
    with run_ours_on(tier.model, "tier") as url, run_gateway(int(httpx.URL(url).port or 0)) as (door, token, envoy):
        through = replace(tier, headers={**tier.headers, "authorization": f"Bearer {token}"})
        check_answers(url, f"{door}{PATH}", through)
        figures = []
        for count in (1, tier.connections):
            pairs = [measure_pair(url, f"{door}{PATH}", envoy, tier, through, count) for _ in range(RUNS)]
            figures += find_pair_figures(tier, count, pairs)
        memory = find_resident_mb(envoy)
    return [*figures, Figure(f"{tier.name}: memory of Envoy", "MB", memory)]


def measure_pair(direct: str, door: str, envoy: int, tier: Tier, through: Tier, count: int) -> Pair:
    """Measure both ways once, the one right after the other."""
    plain = run_load(direct, tier.body, count, tier.headers)
    before = find_cpu_ticks(envoy)
    load = run_load(door, through.body, count, through.headers)
    assert plain.rate and load.rate, f"{tier.name}: nobody was answered in {SECONDS} s"
    microseconds = (find_cpu_ticks(envoy) - before) * TICK_US / (load.rate * (SECONDS + WARM_SECONDS))
    return Pair(plain, load, round(microseconds, 1))


def find_pair_figures(tier: Tier, count: int, pairs: list[Pair]) -> list[Figure]:
    """Return rate, p50, p99 through the gateway, added p50 and Envoy's CPU for a request, at so many connections."""
    label = f"{tier.name}, {count} connection{'s' if count > 1 else ''}"
    assert not sum(pair.direct.errors + pair.through.errors for pair in pairs), "requests failed"

    def both(what: str, unit: str) -> Figure:
        plain = find_median("", "", [getattr(pair.direct, what) for pair in pairs]).ours
        return find_median(
            f"{label}: {what}", unit, [getattr(pair.through, what) for pair in pairs], limit={"direct": plain}
        )

    small = len(tier.body) <= SMALL_BYTES
    added = [round(pair.through.p50 - pair.direct.p50, 3) for pair in pairs]
    added_goal, cost_goal = f"<= {MOST_ADDED_MS}" if small and count == 1 else "", f"<= {MOST_CPU_US}" if small else ""
    return [
        both("rate", "1/s"),
        both("p50", "ms"),
        both("p99", "ms"),
        find_median(f"{label}: p50 added", "ms", added, goal=added_goal),
        find_median(f"{label}: CPU of Envoy", "us", [pair.cost for pair in pairs], goal=cost_goal),
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


def check_answers(direct: str, through: str, tier: Tier) -> None:
    """Fail unless both ways answer the same numbers."""
    headers = {"content-type": "application/json", **tier.headers}
    one = httpx.post(direct, content=tier.body, headers=headers, timeout=60).raise_for_status().json()["outputs"]
    ask = partial(httpx.post, through, content=tier.body, headers=headers, verify=False, timeout=60)
    wait_until("the gateway knows the route", lambda: ask().status_code == 200)
    assert ask().json()["outputs"] == one

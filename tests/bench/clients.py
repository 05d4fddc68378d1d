"""Two clients beside wrk: ghz for gRPC, and vegeta, which asks at a fixed rate whether or not it has been answered."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.bench.load import CLIENT_CORE, LOGS, SECONDS, WARM_SECONDS, Load
from tests.cluster.programs import find_programs
from tests.cluster.store import find_store

PROTOCOLS = Path("plugin_src/airgate_protocols")
INFER = ("open_inference.proto", "inference.GRPCInferenceService.ModelInfer")
MS = 1e6  # nanoseconds


def run_ghz(address: str, request: bytes, connections: int) -> Load:
    """Send one encoded ModelInferRequest over so many connections for SECONDS; one short run before warms up."""
    many = ["-c", str(connections), "--connections", str(connections), "--duration-stop", "wait"]
    _ghz(address, INFER, request, *many, "-z", f"{WARM_SECONDS}s")
    said = _ghz(address, INFER, request, *many, "-z", f"{SECONDS}s")
    spread = {each["percentage"]: each["latency"] / MS for each in said["latencyDistribution"]}
    errors = said["count"] - said["statusCodeDistribution"].get("OK", 0)
    return Load(round(said["rps"], 1), round(spread[50], 3), round(spread[99], 3), errors)


def time_calls(address: str, call: tuple[str, str], request: bytes, count: int) -> list[float]:
    """Make so many calls one after another, and return the ms of each; `call` is its file and its full name.

    The client collects no garbage meanwhile: it makes much more of it than a kubelet does between two calls, and its
    own pauses of a millisecond would be the tail of what is measured.
    """
    said = _ghz(address, call, request, "-c", "1", "-n", str(count), GOGC="off")
    if said["statusCodeDistribution"] != {"OK": count}:
        raise RuntimeError(f"{call[1]}: {said['statusCodeDistribution']} {said['errorDistribution']}")
    return [each["latency"] / MS for each in said["details"]]


def _ghz(address: str, call: tuple[str, str], request: bytes, *how: str, **environ: str) -> dict[str, Any]:
    LOGS.mkdir(parents=True, exist_ok=True)
    file = LOGS / "request"
    file.write_bytes(request)
    words = ["--insecure", "--proto", str(PROTOCOLS / call[0]), "--call", call[1], "--binary-file", str(file)]
    said: dict[str, Any] = json.loads(_run("ghz", [*words, *how, "-O", "json", address], **environ))
    return said


def run_vegeta(url: str, body: bytes, rate: int) -> Load:
    """POST `body` so often a second for SECONDS, on as many connections as it takes."""
    (LOGS / "body").write_bytes(body)
    target = LOGS / "target"
    target.write_text(f"POST {url}\nContent-Type: application/json\n@{LOGS / 'body'}\n")
    results = LOGS / "vegeta.bin"
    _run("vegeta", ["attack", f"-rate={rate}/s", f"-duration={SECONDS}s", f"-targets={target}", f"-output={results}"])
    said = json.loads(_run("vegeta", ["report", "-type=json", str(results)]))
    errors = sum(count for status, count in said["status_codes"].items() if status != "200")
    p50, p99 = (round(said["latencies"][name] / MS, 3) for name in ("50th", "99th"))
    return Load(round(said["throughput"], 1), p50, p99, errors)


def _run(program: str, words: list[str], **environ: str) -> str:
    command = ["taskset", "-c", CLIENT_CORE, str(find_programs(find_store(), "load") / program), *words]
    surroundings = {**os.environ, **environ}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=surroundings).stdout

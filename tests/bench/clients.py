"""Two clients beside wrk: ghz for gRPC, and vegeta, which asks at a fixed rate whether or not it has been answered."""

import json
import subprocess
from pathlib import Path

from tests.bench.load import CLIENT_CORE, LOGS, SECONDS, WARM_SECONDS, Load
from tests.cluster.programs import find_programs
from tests.cluster.store import find_store

PROTO = Path("plugin_src/airgate_protocols/open_inference.proto")
CALL = "inference.GRPCInferenceService.ModelInfer"
MS = 1e6  # nanoseconds


def run_ghz(address: str, request: bytes, connections: int) -> Load:
    """Send one encoded ModelInferRequest over so many connections for SECONDS; one short run before warms up."""
    file = LOGS / "request"
    file.write_bytes(request)
    _ghz(address, file, connections, WARM_SECONDS)
    return _ghz(address, file, connections, SECONDS)


def _ghz(address: str, file: Path, connections: int, seconds: int) -> Load:
    many = ["-c", str(connections), "--connections", str(connections), "-z", f"{seconds}s", "--duration-stop", "wait"]
    words = ["--insecure", "--proto", str(PROTO), "--call", CALL, "--binary-file", str(file), *many, "-O", "json"]
    said = json.loads(_run("ghz", [*words, address]))
    spread = {each["percentage"]: each["latency"] / MS for each in said["latencyDistribution"]}
    errors = said["count"] - said["statusCodeDistribution"].get("OK", 0)
    return Load(round(said["rps"], 1), round(spread[50], 3), round(spread[99], 3), errors)


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


def _run(program: str, words: list[str]) -> str:
    command = ["taskset", "-c", CLIENT_CORE, str(find_programs(find_store(), "load") / program), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout

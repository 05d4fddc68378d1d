"""Load by wrk (Debian's package), servers pinned to the first core and the client to the last."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.kit.process import find_descendants

RUNS = 5
SECONDS = 4
WARM_SECONDS = 1
END_S = 20
SERVER_CORE = "0"
TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")
CLIENT_CORE = str((os.cpu_count() or 1) - 1)
HERE = Path(__file__).parent
LOGS = Path("build/bench/logs")


@dataclass(frozen=True, slots=True)
class Load:
    """One run of the client. rate: requests/s. p50, p99: ms. errors: answers that were not 2xx, and broken sockets."""

    rate: float
    p50: float
    p99: float
    errors: int


@contextlib.contextmanager
def run_server(name: str, command: list[str], url: str, **environment: str) -> Iterator[int]:
    """Run a server on the first core until the block ends; yield its process id once `url`, where given, answers."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with (LOGS / f"{name}.log").open("wb") as log:
        pinned = ["taskset", "-c", SERVER_CORE, *command]
        surroundings = {**os.environ, **environment}
        process = subprocess.Popen(pinned, stdout=log, stderr=log, env=surroundings, start_new_session=True)
        try:
            wait_until(f"{name} answers", lambda: not url or answers(url) or process.poll() is not None)
            assert process.poll() is None, f"{name} ended: see {LOGS / name}.log"
            yield process.pid
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a server and its workers; MLServer with a worker does not always end when it is told to."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def answers(url: str) -> bool:
    """Return whether a GET is answered at all."""
    try:
        httpx.get(url, verify=False, trust_env=False, timeout=2)
    except httpx.HTTPError:
        return False
    return True


def wait_until(what: str, ready: Callable[[], bool], seconds: float = 90.0) -> None:
    """Return when `ready` is true."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, f"not in {seconds} s: {what}"
        time.sleep(0.05)


def run_load(
    url: str,
    body: bytes,
    connections: int,
    headers: Mapping[str, str] | None = None,
    drain: Callable[[], object] = lambda: None,
) -> Load:
    """POST `body` over so many connections for SECONDS; one short run before warms up.

    What that run's connections left behind in the server's queue is no part of the next one: `drain` returns when the
    server is done with it.
    """
    assert shutil.which("wrk"), "wrk is missing; install it with: sudo apt-get install -y wrk"
    run_wrk(url, body, connections, WARM_SECONDS, headers or {})
    drain()
    return run_wrk(url, body, connections, SECONDS, headers or {})


def run_wrk(url: str, body: bytes, connections: int, seconds: int, headers: Mapping[str, str]) -> Load:
    """Run wrk once and read what its script prints last."""
    file = LOGS / "body"
    file.write_bytes(body)
    lines = "\n".join(f"{key}: {value}" for key, value in {"content-type": "application/json", **headers}.items())
    environment = {"PATH": os.environ["PATH"], "BODY": str(file), "HEADERS": lines}
    command = ["taskset", "-c", CLIENT_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    done = subprocess.run(
        [*command, "-s", str(HERE / "post.lua"), url], capture_output=True, text=True, env=environment, check=True
    )
    return Load(**json.loads(done.stdout.strip().splitlines()[-1]))


def find_cpu_ticks(pid: int, children: bool = False) -> int:
    """Return user and system time of a process, in clock ticks (proc(5), fields 14 and 15 of stat)."""
    total = 0
    for each in [pid, *(find_descendants(pid) if children else ())]:
        fields = Path(f"/proc/{each}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total


def find_resident_mb(pid: int, children: bool = True) -> float:
    """Return the resident memory of a process, MB, shared pages in proportion; of its children too unless told."""
    total = 0.0
    for child in [pid, *(find_descendants(pid) if children else ())]:
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{child}/smaps_rollup").read_text()
            total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024
    return round(total, 1)

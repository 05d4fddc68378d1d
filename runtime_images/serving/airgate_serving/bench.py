"""`airgate-serve bench`: how many requests a second one model answers on this machine, and how long they take.

A client of its own, in this process, asks the server that is measured, in another, with the model's own sample.
"""

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airgate_kit.clock import Clock
from airgate_serving.errors import BadModelFile, ModelFailed

SAY_PORTS = "Listening: http "
WARM_UP = 0.3  # part of the measured time that is spent before it
PATIENCE = 60.0  # seconds for a model to be loaded
PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of the client showed. Times in milliseconds."""

    connections: int
    rate: float
    p50: float
    p99: float
    failed: int


@contextmanager
def run_server(file: Path, clock: Clock, *more: str) -> Iterator[tuple[str, int, int]]:
    """Serve a file in a process of its own until the block ends; give its host, port and process id once it is ready.

    Raises BadModelFile with what the server said when it ends instead.
    """
    ports = ("--http-port", "0", "--grpc-port", "0", "--admin-port", "0")
    command = [sys.executable, "-m", "airgate_serving", str(file), "--name", "model", *ports, *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            host, port = _read_address(process)
            _wait_ready(f"http://{host}:{port}/v2/health/ready", process, clock)
            yield host, port, process.pid
        finally:
            process.terminate()
            process.communicate()


def _read_address(process: "subprocess.Popen[str]") -> tuple[str, int]:
    assert process.stdout
    line = process.stdout.readline()
    if not line.startswith(SAY_PORTS):
        raise _explain_end(process)
    host, _, port = line.split()[2].rpartition(":")
    return host, int(port)


def _wait_ready(url: str, process: "subprocess.Popen[str]", clock: Clock) -> None:
    end = clock.monotonic() + PATIENCE
    while clock.monotonic() < end:
        if process.poll() is not None:
            raise _explain_end(process)
        try:
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310 - our own server
            return
        except OSError:
            clock.sleep(PAUSE)
    raise ModelFailed(f"The model was not ready after {PATIENCE:g} s.")


def _explain_end(process: "subprocess.Popen[str]") -> BadModelFile:
    _, errors = process.communicate()
    lines = [line for line in errors.splitlines() if line.startswith("airgate-serve: ")]
    return BadModelFile(lines[-1].removeprefix("airgate-serve: ") if lines else "The server ended before it was ready.")


def read_sample(host: str, port: int) -> bytes:
    """Return the body that the model's own page shows as an example."""
    with urllib.request.urlopen(f"http://{host}:{port}/openapi.json", timeout=10) as answer:
        page: dict[str, Any] = json.load(answer)
    content = page["paths"]["/predict"]["post"]["requestBody"]["content"]
    return json.dumps(content["application/json"]["example"]).encode()


def measure(host: str, port: int, body: bytes, counts: Sequence[int], seconds: float, clock: Clock) -> list[Load]:
    """Return what every number of connections gave, so many seconds each."""
    return [asyncio.run(_measure(host, port, body, count, seconds, clock)) for count in counts]


async def _measure(host: str, port: int, body: bytes, count: int, seconds: float, clock: Clock) -> Load:
    request = b"POST /predict HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    message = request % len(body) + body
    await asyncio.gather(*(_ask(host, port, message, WARM_UP * seconds, clock) for _ in range(count)))
    begin = clock.monotonic()
    asked = await asyncio.gather(*(_ask(host, port, message, seconds, clock) for _ in range(count)))
    elapsed = clock.monotonic() - begin
    times = sorted(time for found, _ in asked for time in found)
    failed = sum(failures for _, failures in asked)
    return Load(count, len(times) / elapsed, 1000 * _find(times, 0.5), 1000 * _find(times, 0.99), failed)


def _find(times: Sequence[float], share: float) -> float:
    return times[min(int(len(times) * share), len(times) - 1)] if times else 0.0


async def _ask(host: str, port: int, message: bytes, seconds: float, clock: Clock) -> tuple[list[float], int]:
    """Ask over one connection until the time is over; return how long each answer took, and how many were none."""
    reader, writer = await asyncio.open_connection(host, port)
    times: list[float] = []
    failed = 0
    end = clock.monotonic() + seconds
    while (begin := clock.monotonic()) < end:
        writer.write(message)
        if await _read_status(reader) == 200:
            times.append(clock.monotonic() - begin)
        else:
            failed += 1
    writer.close()
    return times, failed


async def _read_status(reader: asyncio.StreamReader) -> int:
    """Read one whole answer and return its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    size = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
    await reader.readexactly(size)
    return int(lines[0].split()[1])


def find_resident_mb(pid: int) -> float:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def render(loads: Sequence[Load], resident: float) -> str:
    """Return the figures as lines."""
    lines = [f"{'connections':>11} {'requests/s':>11} {'p50 ms':>8} {'p99 ms':>8} {'failed':>7}"]
    lines += [f"{a.connections:11} {a.rate:11,.0f} {a.p50:8.2f} {a.p99:8.2f} {a.failed:7}" for a in loads]
    return "\n".join([*lines, f"resident memory {resident} MB; client and server share this machine's cores"])

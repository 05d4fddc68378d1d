"""Starts a real `airgate-serve` on free ports, and speaks to it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

START_SECONDS = 60.0
ANSWER_SECONDS = 100.0  # a call that imports much of PyTorch on a busy machine
PORTS = re.compile(r"^Listening: (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server process and how to reach it."""

    process: "subprocess.Popen[str]"
    ports: dict[str, int]
    output: list[str]  # lines of stdout so far
    errors: list[str]  # of stderr

    def url(self, path: str, door: str = "http") -> str:
        """Return an address on one of the server's ports."""
        return f"http://127.0.0.1:{self.ports[door]}{path}"

    def get(self, path: str, door: str = "http") -> httpx.Response:
        """Ask."""
        return httpx.get(self.url(path, door), timeout=ANSWER_SECONDS)

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        """Send JSON, or bytes as they are."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(self.url(path), content=content, headers=headers, timeout=ANSWER_SECONDS)

    def stop(self) -> int:
        """Ask the process to end, as Kubernetes does, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


def run_command(
    *arguments: str, env: dict[str, str] | None = None, python: str = sys.executable
) -> "subprocess.CompletedProcess[str]":
    """Run `airgate-serve` to its end."""
    command = [python, "-m", "airgate_serving", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, env={**os.environ, **(env or {})})


@contextmanager
def start_process(
    *arguments: str, env: dict[str, str] | None = None, python: str = sys.executable
) -> Iterator[RunningServer]:
    """Run `airgate-serve` with these arguments until the block ends; its ports are known by then."""
    command = [python, "-m", "airgate_serving", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **(env or {})}
    )
    output: list[str] = []
    errors: list[str] = []
    readers = [_follow(process.stdout, output), _follow(process.stderr, errors)]
    try:
        yield RunningServer(process, _wait_ports(process, output, errors), output, errors)
    finally:
        _end(process)
        for reader in readers:
            reader.join()


@contextmanager
def start_server(
    file: Path,
    *more: str,
    name: str = "m",
    env: dict[str, str] | None = None,
    python: str = sys.executable,
    seconds: float = START_SECONDS,
) -> Iterator[RunningServer]:
    """Serve a model file on free ports until the block ends; the model is ready by then, within so many seconds."""
    ports = ("--http-port", "0", "--admin-port", "0", "--grpc-port", "0")
    with start_process(str(file), "--name", name, "--threads", "1", *ports, *more, env=env, python=python) as server:
        wait_for(lambda: server.get("/readyz", "admin").status_code == 200, seconds)
        yield server


def wait_for(condition: Any, seconds: float = START_SECONDS) -> None:
    """Wait until the condition holds. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the condition never came true")
        time.sleep(0.02)


def _follow(stream: Any, lines: list[str]) -> threading.Thread:
    def read() -> None:
        with stream:
            for line in iter(stream.readline, ""):
                lines.append(line)

    thread = threading.Thread(target=read)
    thread.start()
    return thread


def _wait_ports(process: Any, output: list[str], errors: list[str]) -> dict[str, int]:
    def has_said() -> bool:
        assert process.poll() is None, "".join(errors)
        return bool(PORTS.search("".join(output)))

    wait_for(has_said)
    said = PORTS.search("".join(output))
    assert said
    words = said.group(1).split()
    return {door: int(address.rsplit(":", 1)[1]) for door, address in zip(words[::2], words[1::2], strict=True)}


def _end(process: Any) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def find_python_path() -> str:
    """Return where this process finds the project's packages, for one that is started without an environment."""
    return os.pathsep.join(path for path in sys.path if "runtime_images" in path or "plugin_src" in path)

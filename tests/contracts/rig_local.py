"""The Cluster suite on local processes: a real supervisor, real runtimes, a real device plugin on simulated cards."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from airgate_kit.names import HEADER_GATE
from airgate_web.adapters.cluster_local.backend import LocalCluster
from airgate_web.adapters.cluster_local.process import find_start_ticks
from airgate_web.domain.errors import Unavailable
from airgate_web.domain.workload import WorkloadFacts
from tests.contracts.cluster_rig import DEADLINE, FILES, RESOURCE

PROGRAMS = Path(sys.executable).parent
START = """
import pathlib, sys
from airgate_kit import logs
from airgate_kit.clock import SystemClock
from airgate_web.adapters.cluster_local.main import run_supervisor
from airgate_web.adapters.cluster_local.places import Options
home, blobs, serve = map(pathlib.Path, sys.argv[1:])
find = lambda digest: blobs / digest.removeprefix("sha256:")
logs.setup()
options = Options(home, (str(serve),), blobs, find, {"PATH": "/usr/bin:/bin"}, farewell_seconds=0.5)
run_supervisor(options, SystemClock())
"""


class LocalRig:
    """A supervisor in a home of its own, and a plugin that offers it simulated cards."""

    cards = 4
    image = ""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="ag-"))  # short: sockets lie under it
        self.blobs = self.home / "blobs"
        self.blobs.mkdir()
        for digest, content in FILES.items():
            (self.blobs / digest.removeprefix("sha256:")).write_bytes(content)
        self.cluster = LocalCluster(self.home / "run" / "supervisor.sock")
        self.log = (self.home / "supervisor.log").open("ab")
        self.supervisor = self.start_supervisor()
        self.plugin = self.start_plugin()
        self.wait_cards(self.cards)

    def start_supervisor(self) -> "subprocess.Popen[bytes]":
        """Start a supervisor and wait until it answers."""
        command = [sys.executable, "-c", START, str(self.home), str(self.blobs), str(PROGRAMS / "airgate-serve")]
        process = subprocess.Popen(command, stderr=self.log)
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end and process.poll() is None:
            try:
                self.cluster.observe()
            except Unavailable:
                time.sleep(0.05)
            else:
                return process
        raise AssertionError(self.read_log())

    def start_plugin(self) -> "subprocess.Popen[bytes]":
        """Make a host with simulated cards and let a real plugin offer them to this supervisor."""
        host = self.home / "host"
        simulate = [PROGRAMS / "airgate-simulate-qaic", "--root", host, "--cards", str(self.cards), "--numa-nodes", "0"]
        subprocess.run(simulate, check=True, stdout=subprocess.DEVNULL)
        command = [PROGRAMS / "airgate-plugin", "run", "--host-root", host, "--host-prefix", host]
        command += ["--kubelet-dir", self.home / "run" / "kubelet", "--http", "127.0.0.1:0"]
        return subprocess.Popen(command, stdout=self.log, stderr=self.log)

    def wait_cards(self, count: int) -> None:
        """Wait until so many cards are on offer."""
        end = time.monotonic() + DEADLINE
        while self.cluster.observe().nodes[0].allocatable.get(RESOURCE, 0) != count:
            assert time.monotonic() < end, self.read_log()
            self.cluster.wait(0.5)

    def call(self, workload: WorkloadFacts, secret: str) -> int:
        for address in workload.addresses[:1]:
            url = f"http://{address.host}:{address.http_port}/v2/models/times"
            try:
                return httpx.get(url, headers={HEADER_GATE: secret}, trust_env=False, timeout=10).status_code
            except httpx.HTTPError:
                return 0
        return 0

    def crash(self, replica: str) -> None:
        os.kill(self.find_pid(replica), signal.SIGKILL)

    def find_pid(self, replica: str) -> int:
        """Return the pid of a replica's process."""
        record = json.loads((self.home / "supervisor" / "replicas" / f"{replica}.json").read_text())
        assert find_start_ticks(record["pid"]) == record["start_ticks"]
        return int(record["pid"])

    def read_log(self) -> str:
        """Return what the supervisor and the plugin have said."""
        return (self.home / "supervisor.log").read_text()

    def close(self) -> None:
        for process in (self.plugin, self.supervisor):
            process.terminate()
            process.wait(DEADLINE)
        self.log.close()
        left = find_processes(self.home)
        shutil.rmtree(self.home)
        assert not left, f"processes left: {left}"


def find_processes(home: Path) -> list[str]:
    """Return the command lines of processes that were started for a home."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(home) in command:
            found.append(f"{folder.name}: {command}")
    return found

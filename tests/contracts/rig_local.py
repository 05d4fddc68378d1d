"""The Cluster suite on local processes: a real supervisor, real runtimes, a real device plugin on simulated cards."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import httpx

from airgate_kit.clock import SystemClock
from airgate_kit.names import ENV_QAIC_VISIBLE_DEVICES, HEADER_GATE
from airgate_web.adapters.blobs_folder import FolderBlobs
from airgate_web.adapters.cluster_local.backend import LocalCluster
from airgate_web.adapters.cluster_local.process import find_start_ticks
from airgate_web.domain.errors import Unavailable
from airgate_web.domain.workload import WorkloadFacts
from tests.contracts.cluster_rig import DEADLINE, RESOURCE, SECRET, STORED
from tests.kit.stand_in_web import find_results, run_web

PROGRAMS = Path(sys.executable).parent


class LocalRig:
    """A supervisor in a home of its own, and a plugin that offers it simulated cards (none: no plugin)."""

    image = ""

    def __init__(self, cards: int = 4) -> None:
        self.cards = cards
        self.home = Path(tempfile.mkdtemp(prefix="ag-"))  # short: sockets lie under it
        self.host = self.home / "host"
        blobs = FolderBlobs(self.home / "blobs", SystemClock())
        for content in STORED.values():
            blobs.put(iter([content]), len(content))
        self.cluster = LocalCluster(self.home / "run" / "supervisor.sock")
        self.closing = ExitStack()
        self.web = self.closing.enter_context(run_web(SECRET, path=self.home / "web.sock"))
        self.log = (self.home / "supervisor.log").open("ab")
        self.supervisor = self.start_supervisor()
        self.plugin = self.start_plugin() if cards else None
        self.wait_cards(cards)

    def start_supervisor(self) -> "subprocess.Popen[bytes]":
        """Start a supervisor and wait until it answers."""
        command = [PROGRAMS / "airgate-web", "supervise", "--home", self.home, "--web-url", self.web.url]
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
        self.simulate("--cards", str(self.cards), "--numa-nodes", "0")
        command = [PROGRAMS / "airgate-plugin", "run", "--host-root", self.host, "--host-prefix", self.host]
        command += ["--kubelet-dir", self.home / "run" / "kubelet", "--http", "127.0.0.1:0"]
        return subprocess.Popen(command, stdout=self.log, stderr=self.log)

    def simulate(self, *wishes: str) -> None:
        """Make, break or mend the simulated host."""
        command = [PROGRAMS / "airgate-simulate-qaic", "--root", self.host, *wishes]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

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

    def find_granted(self, replica: str) -> set[str]:
        environ = Path(f"/proc/{self.find_pid(replica)}/environ").read_bytes().decode().split("\0")
        found = [line.partition("=")[2] for line in environ if line.startswith(ENV_QAIC_VISIBLE_DEVICES)]
        return set(found[0].split(",")) if found else set()

    def find_results(self) -> list[bytes]:
        return find_results(self.web)

    def crash(self, replica: str) -> None:
        os.kill(self.find_pid(replica), signal.SIGKILL)

    def lose_card(self, card: str) -> None:
        self.simulate("--lose", card)

    def restore_card(self, card: str) -> None:
        self.simulate("--restore", card)

    def find_pid(self, replica: str) -> int:
        """Return the pid of a replica's process."""
        record = json.loads((self.home / "supervisor" / "replicas" / f"{replica}.json").read_text())
        assert find_start_ticks(record["pid"]) == record["start_ticks"]
        return int(record["pid"])

    def read_log(self) -> str:
        """Return what the supervisor and the plugin have said."""
        return (self.home / "supervisor.log").read_text()

    def close(self) -> None:
        for process in filter(None, (self.plugin, self.supervisor)):
            process.terminate()
            process.wait(DEADLINE)
        self.log.close()
        self.closing.close()
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

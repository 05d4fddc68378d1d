"""A supervisor, a store and a reconciler over both, as processes; no web process."""

import socket
import subprocess
import time

import httpx

from airgate_web.adapters.store_sql import SqlStore, open_store
from airgate_web.domain.amounts import Amounts
from airgate_web.domain.deployment import Deployment, DeploymentStatus
from airgate_web.domain.workload import ModelFile, ReplicaState
from tests.contracts.cluster_rig import DEADLINE, FILES, FIRST
from tests.contracts.rig_local import PROGRAMS, LocalRig
from tests.fakes.samples import make_deployment, make_project

LOOK_SECONDS = 0.05


class Appliance:
    """A supervisor, a store and a reconciler over both; no web process."""

    def __init__(self) -> None:
        self.rig = LocalRig(cards=0)
        token = self.rig.home / "internal-token"
        token.write_text("token")
        self.command = [PROGRAMS / "airgate-web", "reconcile", "--home", self.rig.home]
        with socket.create_server(("127.0.0.1", 0)) as trial:
            self.port = trial.getsockname()[1]
        self.command += ["--health-port", str(self.port), "--internal-token-file", token]
        self.store: SqlStore = open_store(f"sqlite:///{self.rig.home}/store.db")
        self.store.add_project(make_project())
        self.reconciler = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        """Start a reconciler."""
        return subprocess.Popen(self.command, stderr=self.rig.log)

    def kill(self) -> None:
        """Kill the reconciler, as a power cut would."""
        self.reconciler.kill()
        self.reconciler.wait()

    def deploy(self, name: str) -> Deployment:
        """Wish for a small model without a card."""
        model = ModelFile("times", 1, "onnx", "times.onnx", FIRST, len(FILES[FIRST]))
        amounts = Amounts(cpu_millis=200, memory_mib=256)
        return self.store.add_deployment(make_deployment(name=name, model=model, replicas=1, amounts=amounts))

    def wait_ready(self, wish: Deployment) -> DeploymentStatus:
        """Wait until a deployment is Ready."""
        end = time.monotonic() + DEADLINE
        while (status := self.store.find_status(wish.id)) is None or status.state is not ReplicaState.READY:
            assert time.monotonic() < end, f"{status} {self.rig.read_log()}"
            time.sleep(LOOK_SECONDS)
        return status

    def read_health(self, path: str) -> int:
        """Return the status of a probe; 0 while nobody listens."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{path}", trust_env=False).status_code
        except httpx.HTTPError:
            return 0

    def wait_health(self, path: str, status: int) -> None:
        """Wait until a probe answers so."""
        end = time.monotonic() + DEADLINE
        while self.read_health(path) != status:
            assert time.monotonic() < end, self.rig.read_log()
            time.sleep(LOOK_SECONDS)

    def close(self) -> None:
        """End everything."""
        self.reconciler.terminate()
        code = self.reconciler.wait(DEADLINE)
        self.store.close()
        self.rig.close()
        assert code == 0

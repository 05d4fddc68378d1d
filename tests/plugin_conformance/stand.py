"""A node with a real kubelet, and what it says itself about devices and their holders."""

import json
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from airgate_protocols import podresources_pb2 as pb
from airgate_protocols import podresources_pb2_grpc as rpc
from tests.cluster import Cluster, Node
from tests.cluster.wait import TooLate, wait_until
from tests.cluster.workloads import describe_namespace, describe_pod_template

NAMESPACE = "conformance"
KUBELET = "/var/lib/kubelet"
KUBELITE = "snap.microk8s.daemon-kubelite"
SIMULATED = "/var/lib/airgate-simulated"
CHANNEL = (("grpc.default_authority", "localhost"),)  # Go servers refuse an escaped socket path as :authority
LIMIT_S = 240
LOG_LINES = 40
SLEEP = ("sleep", "1000000")
SOON = {"terminationGracePeriodSeconds": 1}  # not 0: then a pod is gone from the API before the kubelet has its devices


class Stand:
    """A cluster of one node. `links` leads to the node's folders by short paths: a socket's may have 107 bytes."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.links = Path(tempfile.mkdtemp(prefix="agc"))
        self.link()
        self.cluster.apply(describe_namespace(NAMESPACE))

    @property
    def node(self) -> Node:
        """The one node."""
        return self.cluster.control

    def link(self) -> None:
        """Point the links at the node as it runs now; after a restart of the node it is another process."""
        inside = Path(f"/proc/{self.node.read_pid()}/root")
        kubelet = self.node.exec("readlink", "-f", KUBELET).stdout.strip().lstrip("/")
        self.node.exec("mkdir", "-p", "/run/cdi", SIMULATED)
        places = {"plugins": f"{kubelet}/device-plugins", "pods": f"{kubelet}/pod-resources", "cdi": "run/cdi"}
        for name, place in {**places, "host": SIMULATED.lstrip("/")}.items():
            (self.links / name).unlink(missing_ok=True)
            (self.links / name).symlink_to(inside / place)

    def close(self) -> None:
        """Remove the links and what was put on the cluster."""
        shutil.rmtree(self.links)
        self.cluster.kubectl("delete", "namespace", NAMESPACE, "--wait")
        self.node.exec("rm", "-rf", SIMULATED)

    # What the kubelet says

    @contextmanager
    def ask_kubelet(self) -> Iterator[rpc.PodResourcesListerStub]:
        """Yield the kubelet's Pod Resources."""
        with grpc.insecure_channel(f"unix:{self.links}/pods/kubelet.sock", options=CHANNEL) as channel:
            yield rpc.PodResourcesListerStub(channel)

    def find_held(self, resource: str) -> dict[str, set[str]]:
        """Return which devices each of our pods holds, by its name; those that hold none are left out."""
        with self.ask_kubelet() as kubelet:
            pods = kubelet.List(pb.ListPodResourcesRequest(), timeout=10).pod_resources
        held = {
            pod.name: {
                id_
                for container in pod.containers
                for devices in container.devices
                if devices.resource_name == resource
                for id_ in devices.device_ids
            }
            for pod in pods
            if pod.namespace == NAMESPACE
        }
        return {name: ids for name, ids in held.items() if ids}

    def find_offered(self, resource: str) -> list[str]:
        """Return the ids of the healthy devices, held or not; none while the kubelet does not answer."""
        try:
            with self.ask_kubelet() as kubelet:
                every = kubelet.GetAllocatableResources(pb.AllocatableResourcesRequest(), timeout=10).devices
        except grpc.RpcError:
            return []
        return sorted(id_ for devices in every if devices.resource_name == resource for id_ in devices.device_ids)

    def wait_offered(self, resource: str, count: int) -> list[str]:
        """Wait until so many devices are on offer; return their ids. An error comes with what both ends logged last."""
        try:
            wait_until(f"{count} {resource}", lambda: len(self.find_offered(resource)) == count, LIMIT_S)
        except TooLate as late:
            late.add_note(f"on offer: {self.find_offered(resource)}\n{self.read_logs()}")
            raise
        return self.find_offered(resource)

    def read_logs(self) -> str:
        """Return the last lines of our plugin's log, and the kubelet's on plugins."""
        ours = self.links / "plugin.log"
        plugin = ours.read_text().splitlines()[-LOG_LINES:] if ours.exists() else []
        said = self.node.exec("journalctl", "-u", KUBELITE, "--no-pager", "--grep", "plugin", check=False).stdout
        return "\n".join([*plugin, *said.splitlines()[-LOG_LINES:]])

    def read_count(self, resource: str) -> int:
        """Return how many devices the Node offers to the scheduler; the kubelet tells it every ten seconds."""
        node = json.loads(self.cluster.kubectl("get", "node", self.node.name, "-o", "json").stdout)
        return int(node["status"]["allocatable"].get(resource, 0))

    # Pods

    def run(self, name: str, resource: str, count: int, command: tuple[str, ...] = SLEEP) -> None:
        """Start a pod that holds devices; it may have to wait for them."""
        restart = "Always" if command == SLEEP else "Never"
        template = describe_pod_template(name, command, restartPolicy=restart, **SOON)
        give(template, resource, count)
        template["metadata"]["name"] = name
        template["metadata"]["namespace"] = NAMESPACE
        self.cluster.apply({"apiVersion": "v1", "kind": "Pod", **template})

    def deploy(self, name: str, resource: str, count: int) -> None:
        """Start a Deployment of one pod that holds devices."""
        template = describe_pod_template(name, SLEEP, **SOON)
        give(template, resource, count)
        spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
        meta = {"name": name, "namespace": NAMESPACE}
        self.cluster.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec})

    def list_running(self, name: str) -> list[str]:
        """Return the names of an application's pods that run and are not ending."""
        ask = ("-n", NAMESPACE, "get", "pods", "-l", f"app={name}", "-o", "json")
        done = self.cluster.kubectl(*ask, check=False)  # the API server may be away
        pods = json.loads(done.stdout)["items"] if done.returncode == 0 else []
        return [
            pod["metadata"]["name"]
            for pod in pods
            if pod["status"].get("phase") == "Running"
            and "deletionTimestamp" not in pod["metadata"]
            and all(each["ready"] for each in pod["status"].get("containerStatuses") or [{"ready": False}])
        ]

    def wait_running(self, name: str, resource: str, count: int) -> set[str]:
        """Wait until an application has one pod that runs and holds so many devices; return their ids."""

        def find() -> set[str]:
            running = self.list_running(name)
            held = self.find_held(resource) if len(running) == 1 else {}
            ids = held.get(running[0], set()) if held else set()
            return ids if len(ids) == count else set()

        return wait_until(f"{name} with {count} {resource}", find, LIMIT_S)

    def remove(self, *names: str) -> None:
        """Remove applications, and wait until nothing of them holds a device."""
        for name in names:
            self.cluster.kubectl("-n", NAMESPACE, "delete", "deployment,pod", "-l", f"app={name}", "--wait")
            self.cluster.kubectl("-n", NAMESPACE, "delete", "deployment", name, "--ignore-not-found", "--wait")
            self.cluster.kubectl("-n", NAMESPACE, "delete", "pod", "-l", f"app={name}", "--wait")

    # Calamities

    def restart_kubelet(self) -> None:
        """Restart the kubelet, and with it the whole control plane of the stand-in."""
        self.node.exec("systemctl", "restart", KUBELITE)
        self.cluster.wait_ready()

    def cut_power(self) -> None:
        """End every process of the node at once, and start it again."""
        self.node.kill()
        self.node.start()
        self.link()
        self.cluster.wait_ready()


def give(template: dict[str, Any], resource: str, count: int) -> None:
    """Let a pod's container ask for devices."""
    template["spec"]["containers"][0]["resources"] = {"limits": {resource: str(count)}}


def choose(chance: random.Random, ids: list[str]) -> str:
    """Return one of some ids, by the run's own seed."""
    return chance.choice(sorted(ids))

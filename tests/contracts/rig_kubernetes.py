"""The Cluster suite on a real Kubernetes: real kubelet, real containerd, the real device plugin on simulated cards."""

import json
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

from airgate_kit import names
from airgate_web.adapters.cluster_kubernetes.backend import KubernetesCluster
from airgate_web.adapters.cluster_kubernetes.cards import PLUGIN
from airgate_web.adapters.cluster_kubernetes.client import KubeClient, open_client
from airgate_web.adapters.cluster_kubernetes.settings import KubernetesSettings
from airgate_web.domain.secrets import find_blob_secret, find_blobs_secret
from airgate_web.domain.workload import WorkloadFacts
from tests.charts.appliance import SIMULATED, clear, simulate_cards
from tests.cluster import Cluster
from tests.cluster.wait import wait_until
from tests.contracts.cluster_rig import DEADLINE, RESOURCE, SECRET, STORED
from tests.images.built import OUT, find_built_images
from tests.kit.stand_in_web import StandInWeb, find_results, run_web

TOKEN = "internal-token"


class StandInFiles(StandInWeb):
    """Stands in for the files process too: gives a file to who has its token, or the testers'."""

    def do_GET(self) -> None:
        digest = f"sha256:{self.path.rpartition('/')[2]}"
        known = {f"Bearer {find_blob_secret(TOKEN, digest)}", f"Bearer {find_blobs_secret(TOKEN)}"}
        good = digest in STORED and self.headers.get("authorization") in known
        self.answer(HTTPStatus.OK if good else HTTPStatus.FORBIDDEN, STORED[digest] if good else b"no")


class KubernetesRig:
    """A cluster with four simulated cards, and a server of model files that its pods can reach."""

    cards = 4

    def __init__(self, test_cluster: Cluster) -> None:
        self.test_cluster = test_cluster
        self.image = self.load_images()
        self.closing = ExitStack()
        self.web = self.closing.enter_context(run_web(SECRET, host="0.0.0.0", handler=StandInFiles))
        port = self.web.server_port
        self.client: KubeClient = open_client(self.test_cluster.kubeconfig)
        host = self.test_cluster.control.exec("ip", "route").stdout.split("default via ")[1].split()[0]
        settings = KubernetesSettings(f"http://{host}:{port}", TOKEN, web_url=f"http://{host}:{port}")
        self.cluster = KubernetesCluster(self.client, settings)
        self.prepare()

    def load_images(self) -> str:
        """Build and load the images that pods need; return the serving image's name."""
        images = find_built_images()
        self.test_cluster.load(*(OUT / images[name].archive for name in ("serving", "device-plugin")))
        return images["serving"].reference

    def prepare(self) -> None:
        """Label the node, make the namespaces and accounts that the charts would make, and offer the cards."""
        node = self.test_cluster.control
        self.test_cluster.label(node, dict.fromkeys(names.NODE_CLASSES.values(), "true"))
        for namespace in (names.NAMESPACE_DEPLOY, names.NAMESPACE_COMPUTE):
            self.test_cluster.apply(*make_namespace(namespace))
        self.test_cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": names.NAMESPACE_SYSTEM}})
        self.simulate("--cards", str(self.cards), "--device-files", "mknod")
        self.test_cluster.apply(make_plugin())
        wait_until("the cards", self.has_cards, DEADLINE)

    def simulate(self, *wishes: str) -> None:
        """Make, break or mend the simulated host on the node."""
        simulate_cards(self.test_cluster.control, *wishes)

    def has_cards(self) -> bool:
        """Say whether the kubelet offers every card."""
        return any(node.allocatable.get(RESOURCE) == self.cards for node in self.cluster.observe().nodes)

    def call(self, workload: WorkloadFacts, secret: str) -> int:
        path = f"/api/v1/namespaces/{names.NAMESPACE_DEPLOY}/services/{workload.name}:http/proxy/v2/models/times"
        answer = self.client.open("GET", path, {}, headers={names.HEADER_GATE: secret})
        answer.read()
        return answer.status

    def find_granted(self, replica: str) -> set[str]:
        """Return the cards that the replica's process was given, as its environment says."""
        ask = ["-n", names.NAMESPACE_DEPLOY, "exec", replica, "-c", "serve", "--"]
        show = "print(open('/proc/1/environ').read().replace(chr(0), chr(10)))"
        environ = self.test_cluster.kubectl(*ask, "python3", "-c", show).stdout.splitlines()
        found = [line.partition("=")[2] for line in environ if line.startswith(names.ENV_QAIC_VISIBLE_DEVICES)]
        return set(found[0].split(",")) if found else set()

    def find_results(self) -> list[bytes]:
        return find_results(self.web)

    def crash(self, replica: str) -> None:
        pod = self.find_pod(replica)
        container = pod["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
        self.test_cluster.control.exec("/snap/bin/microk8s.ctr", "task", "kill", "--signal", "SIGKILL", container)

    def lose_card(self, card: str) -> None:
        self.simulate("--lose", card)

    def restore_card(self, card: str) -> None:
        self.simulate("--restore", card)

    def find_pod(self, name: str) -> dict[str, Any]:
        """Return a pod's JSON."""
        every = ["get", "pods", "-A", "--field-selector", f"metadata.name={name}", "-o", "json"]
        pods: list[dict[str, Any]] = json.loads(self.test_cluster.kubectl(*every).stdout)["items"]
        return pods[0]

    def close(self) -> None:
        self.closing.close()
        self.client.api.close()
        clear(self.test_cluster)


def make_namespace(name: str) -> tuple[dict[str, Any], ...]:
    """Return a namespace under restricted Pod Security, and the account of its pods."""
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "automountServiceAccountToken": False}
    return (
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": restricted}},
        account | {"metadata": {"name": names.SERVICE_ACCOUNT_RUNTIME, "namespace": name}},
    )


def make_plugin() -> dict[str, Any]:
    """Return a pod that runs the device plugin over the simulated host, as its chart does.

    On the node's own network: the adapter under test asks it from outside of the cluster.
    """
    folders = {
        "kubelet": ("/var/lib/kubelet/device-plugins", "/var/lib/kubelet/device-plugins"),
        "pods": ("/var/lib/kubelet/pod-resources", "/var/lib/kubelet/pod-resources"),
        "host": (SIMULATED, "/host"),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "plugin", "namespace": names.NAMESPACE_SYSTEM, "labels": PLUGIN},
        "spec": {
            "hostNetwork": True,
            "containers": [
                {
                    "name": "plugin",
                    "image": "airgate.local/device-plugin:0.1.0",
                    "imagePullPolicy": "IfNotPresent",
                    "args": ["run", "--host-root", "/host", "--host-prefix", SIMULATED, "--period", "1"],
                    "volumeMounts": [{"name": name, "mountPath": inside} for name, (_, inside) in folders.items()],
                }
            ],
            "volumes": [{"name": name, "hostPath": {"path": outside}} for name, (outside, _) in folders.items()],
        },
    }

"""A Cluster whose workloads Kubernetes runs."""

import re
import threading

from airgate_kit import names
from airgate_web.adapters.cluster_kubernetes.cards import CardReader
from airgate_web.adapters.cluster_kubernetes.client import KubeClient
from airgate_web.adapters.cluster_kubernetes.containers import Manifest
from airgate_web.adapters.cluster_kubernetes.manifests import make_manifests
from airgate_web.adapters.cluster_kubernetes.observe import Listing, find_observation
from airgate_web.adapters.cluster_kubernetes.pods import Json, is_ours, is_true
from airgate_web.adapters.cluster_kubernetes.settings import KubernetesSettings
from airgate_web.domain.errors import Refusal, Unavailable
from airgate_web.domain.plan import Action, ApplyWorkload, RemoveReplica, ReplaceReplica
from airgate_web.domain.workload import Observation

OURS = f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY},{names.LABEL_WORKLOAD}"
PODS = "/api/v1/pods"
FOLDERS = {
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "Service": "/api/v1/namespaces/{}/services",
    "Secret": "/api/v1/namespaces/{}/secrets",
}
POD = "/api/v1/namespaces/{}/pods"
DEVICE = re.compile(r"^[^{].* device: (\S+)$", re.MULTILINE)  # the runtime's own line on stdout
LOG_HEAD_BYTES = 4096
LOG_BYTES = 4 * 1024 * 1024  # a model may print without ever ending a line
REPLACE_GRACE_SECONDS = 1  # a replica on a dead card has nothing to finish
GLANCE_SECONDS = 2.0  # between two looks at the cards while nothing is heard of our pods


class KubernetesCluster:
    """Lists everything each time; watches its own pods only to wake up. Safe to use from several threads."""

    def __init__(self, client: KubeClient, settings: KubernetesSettings) -> None:
        self.client = client
        self.settings = settings
        self.lock = threading.Lock()
        self.version = ""  # of the last list of pods
        self.cards = CardReader(settings.system_namespace)
        self.devices: dict[str, str] = {}  # by pod uid and restarts: where it computes

    def observe(self) -> Observation:
        """Return the whole truth now; Unavailable when the API server does not answer."""
        pods = self.client.read_list(PODS)
        listing = Listing(
            deployments=self.list_ours("Deployment"),
            jobs=self.list_ours("Job"),
            others=[*self.list_ours("Service", metadata_only=True), *self.list_ours("Secret", metadata_only=True)],
            pods=pods["items"],
            nodes=self.client.read_list("/api/v1/nodes")["items"],
            cards=self.cards.read(pods["items"]),
        )
        devices = self.find_devices([pod for pod in listing.pods if is_ours(pod)])
        with self.lock:
            self.version = pods["metadata"]["resourceVersion"]
        return find_observation(listing, devices)

    def apply(self, action: Action) -> None:
        """Begin an action and return; the same once more changes nothing."""
        if isinstance(action, ApplyWorkload):
            for manifest in make_manifests(action.workload, self.settings):
                self.client.apply(find_path(manifest), manifest)
            return
        if isinstance(action, ReplaceReplica):
            path = f"/api/v1/namespaces/{self.settings.deploy_namespace}/pods/{action.replica}"
            self.client.remove(path, grace_seconds=REPLACE_GRACE_SECONDS)
            return
        folders = [POD] if isinstance(action, RemoveReplica) else FOLDERS.values()
        for namespace in self.settings.namespaces:
            for folder in folders:
                self.client.remove(f"{folder.format(namespace)}/{action.name}")

    def wait(self, seconds: float) -> bool:
        """Block until a pod of ours or a card has changed since the last `observe` (True) or `seconds` have passed."""
        with self.lock:
            version = self.version
        if not version:
            return True
        left = seconds
        while left > 0:
            glance = min(left, GLANCE_SECONDS)
            if self.client.wait_for_news(PODS, labels=OURS, version=version, seconds=glance) or self.cards.is_other():
                return True
            left -= glance
        return False

    def read_logs(self, replica: str, lines: int) -> str:
        """Return the last lines of a pod's stdout and stderr; "" when it is gone or has not begun."""
        for namespace in self.settings.namespaces:
            try:
                path = f"/api/v1/namespaces/{namespace}/pods/{replica}/log"
                return self.client.read_text(path, {"tailLines": str(lines), "limitBytes": str(LOG_BYTES)})
            except Unavailable:
                raise
            except Refusal:
                continue
        return ""

    def list_ours(self, kind: str, *, metadata_only: bool = False) -> list[Json]:
        """Return our own objects of a kind in both namespaces. Of secrets the metadata alone is read."""
        return [
            item
            for namespace in self.settings.namespaces
            for item in self.client.read_list(
                FOLDERS[kind].format(namespace), labels=OURS, metadata_only=metadata_only
            )["items"]
        ]

    def find_devices(self, pods: list[Json]) -> dict[str, str]:
        """Return by pod name where each ready pod computes, as its log says; each log is read once."""
        found: dict[str, str] = {}
        known: dict[str, str] = {}
        for pod in pods:
            if not is_true(pod, "Ready"):
                continue
            restarts = sum(each.get("restartCount", 0) for each in pod["status"].get("containerStatuses") or [])
            key, meta = f"{pod['metadata']['uid']}/{restarts}", pod["metadata"]
            device = self.devices[key] if key in self.devices else self.read_device(meta["namespace"], meta["name"])
            if device is not None:
                known[key] = found[meta["name"]] = device
        self.devices = known
        return found

    def read_device(self, namespace: str, name: str) -> str | None:
        """Return the device that the first lines of a pod's log name, "" when they name none; None: not readable."""
        try:
            path = f"/api/v1/namespaces/{namespace}/pods/{name}/log"
            head = self.client.read_text(path, {"limitBytes": str(LOG_HEAD_BYTES)})
        except Refusal:
            return None
        match = DEVICE.search(head)
        return match[1] if match else ""


def find_path(manifest: Manifest) -> str:
    """Return the API's path of an object."""
    meta = manifest["metadata"]
    return f"{FOLDERS[manifest['kind']].format(meta['namespace'])}/{meta['name']}"

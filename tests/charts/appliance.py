"""The whole appliance on a test cluster: images brought by digest, charts installed, simulated cards put into a node.

Other rooms' tests may use it; each function can be repeated.
"""

import io
import json
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

from airgate_kit import names
from runtime_images.build_images import Built
from tests.charts.charts import NAMESPACE, ROOT, Helm
from tests.cluster import Cluster, Node
from tests.cluster.wait import wait_until
from tests.images.built import OUT, find_repository

CTR = "/snap/bin/microk8s.ctr"
SIMULATED = "/var/lib/airgate-simulated"  # the simulated host's folder, in the node
SIMULATOR = "/opt/airgate-simulator"  # the simulator's package, in the node
PRIVILEGED = {"pod-security.kubernetes.io/enforce": "privileged", "pod-security.kubernetes.io/warn": "restricted"}
NAMESPACES = (names.NAMESPACE_SYSTEM, names.NAMESPACE_DEPLOY, names.NAMESPACE_COMPUTE)
READY_LIMIT_S = 180


def bring_images(cluster: Cluster, images: dict[str, Built]) -> None:
    """Import the images into every node under the name that the charts use: the repository and the digest."""
    for image in images.values():
        name = f"{find_repository(image)}@{image.digest}"
        for node in cluster.nodes:
            if name in node.exec(CTR, "image", "list", "-q").stdout.split():
                continue
            node.exec(CTR, "image", "import", "--platform", image.platform, "-", source=OUT / image.archive)
            node.exec(CTR, "image", "tag", "--force", image.reference, name)
            node.exec(CTR, "image", "label", name, "io.cri-containerd.pinned=pinned")


def make_namespace(cluster: Cluster) -> None:
    """Make the appliance's own namespace, labelled as charts/README.md says."""
    meta = {"name": NAMESPACE, "labels": PRIVILEGED}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    cluster.label(cluster.control, dict.fromkeys(names.NODE_CLASSES.values(), "true"))


def clear(cluster: Cluster) -> None:
    """Take everything away again but the images."""
    for release in json.loads(cluster.helm("list", "--all-namespaces", "--output", "json").stdout):
        cluster.helm("uninstall", release["name"], "--namespace", release["namespace"], "--wait")
    cluster.kubectl("delete", "namespace", *NAMESPACES, "--ignore-not-found", "--wait")
    cluster.control.exec("rm", "-rf", SIMULATED)


def simulate_cards(node: Node, *arguments: str) -> None:
    """Run the simulator of Qualcomm cards in a node, for example with ("--cards", "4")."""
    simulate = f"mkdir -p {SIMULATOR} && tar -x -C {SIMULATOR} && PYTHONPATH={SIMULATOR} python3 -m airgate_simulator"
    command = ("sh", "-c", f'{simulate} "$@"', "sh", "--root", SIMULATED)
    node.exec(*command, *arguments, source=pack_simulator())


@cache
def pack_simulator() -> bytes:
    """Return the simulator's packages as a tar archive."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for package in (ROOT / "plugin_src/airgate_simulator", ROOT / "runtime_images/base/airgate_kit"):
            archive.add(package, package.name)
    return packed.getvalue()


def make_values(images: dict[str, Built]) -> dict[str, Any]:
    """Return the umbrella chart's values for these images and simulated cards."""
    runtime = {
        "slug": "ai-environment-python-3-11",
        "name": "AI environment with Python 3.11",
        "language": "Python 3.11",
        "image": name_image(images["serving"]),
        "formats": list(names.FORMATS),
    }
    worker = {**runtime, "slug": "ai-worker-python-3-11", "name": "AI worker with Python 3.11", "kind": "worker"}
    return {
        "airgate-device-plugin": {"image": name_image(images["device-plugin"]), "hostRoot": SIMULATED},
        "airgate-runtimes": {"runtimes": [runtime, worker]},
        "airgate-webapp": {
            "image": name_image(images["webapp"]),
            "storage": {"size": "2Gi"},
            "gateway": {"image": name_image(images["gateway"])},
        },
    }


def name_image(image: Built) -> dict[str, str]:
    """Return an image as charts name one: by its digest."""
    registry, _, repository = find_repository(image).partition("/")
    return {"registry": registry, "repository": repository, "digest": image.digest}


def install(cluster: Cluster, helm: Helm, release: str, chart: str, values: dict[str, Any], folder: Path) -> None:
    """Install or upgrade a release and wait until all of it is ready."""
    file = folder / f"{release}.json"
    file.write_text(json.dumps(values))
    cluster.helm("upgrade", "--install", release, str(helm.find_packed(chart)), "--namespace", NAMESPACE,
                 "--values", str(file), "--wait", "--timeout", f"{READY_LIMIT_S}s")  # fmt: skip


def read_allocatable(cluster: Cluster, resource: str = names.RESOURCE_QAIC) -> int:
    """Return how many cards the node offers to pods."""
    node = json.loads(cluster.kubectl("get", "node", cluster.control.name, "-o", "json").stdout)
    return int(node["status"]["allocatable"].get(resource, 0))


def wait_allocatable(cluster: Cluster, count: int, resource: str = names.RESOURCE_QAIC) -> None:
    """Return when the node offers that many cards; the kubelet tells the API server every ten seconds."""
    wait_until(f"{count} {resource}", lambda: read_allocatable(cluster, resource) == count, READY_LIMIT_S)


def run_pod(cluster: Cluster, pod: dict[str, Any]) -> str:
    """Run a pod to its end and return what it printed."""
    namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    cluster.kubectl("-n", namespace, "delete", "pod", name, "--ignore-not-found", "--wait")
    cluster.apply(pod)
    ask = ("-n", namespace, "get", "pod", name, "-o", "jsonpath={.status.phase}")
    wait_until(f"The end of {name}", lambda: cluster.kubectl(*ask).stdout in ("Succeeded", "Failed"), READY_LIMIT_S)
    return cluster.kubectl("-n", namespace, "logs", name).stdout


def make_pod(name: str, image: Built, program: str, cards: int = 0) -> dict[str, Any]:
    """Return a pod as the restricted standard wants it, that runs a Python program and holds cards."""
    locked = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    limits = {"cpu": "200m", "memory": "128Mi", **({names.RESOURCE_QAIC: cards} if cards else {})}
    box = {
        "name": "main",
        "image": f"{find_repository(image)}@{image.digest}",
        "imagePullPolicy": "Never",
        "command": ["python3", "-c", program],
        "resources": {"limits": limits},
        "securityContext": locked,
    }
    user = {"runAsNonRoot": True, "runAsUser": names.UID, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": names.NAMESPACE_DEPLOY},
        "spec": {"restartPolicy": "Never", "automountServiceAccountToken": False, "securityContext": user,
                 "serviceAccountName": "airgate-runtime", "containers": [box]},
    }  # fmt: skip

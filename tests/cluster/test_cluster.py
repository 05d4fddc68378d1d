"""What the rest of the tests stand on: a node that behaves as a customer's does."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.cluster.snaps import repack_snap
from tests.cluster.wait import wait_until
from tests.cluster.workloads import describe_namespace, describe_pod_template, describe_web

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(2400)]

SPACE = "room"
PODS = ("-n", SPACE, "get", "pods", "-l", "app=web", "-o", "json")


@pytest.fixture(scope="module")
def web(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with two restricted pods behind a Service in namespace `room`."""
    cluster.apply(describe_namespace(SPACE))
    cluster.apply(*describe_web("web", SPACE))
    wait_for_web(cluster)
    yield cluster
    cluster.kubectl("delete", "namespace", SPACE, "--wait=false")


def wait_for_web(cluster: Cluster) -> None:
    """Return when both pods are ready."""
    cluster.kubectl("-n", SPACE, "rollout", "status", "deployment/web", "--timeout=120s")


def fetch(cluster: Cluster, url: str) -> str:
    """Fetch a URL from inside a pod."""
    done = cluster.kubectl("-n", SPACE, "exec", "deployment/web", "--", "wget", "-q", "-O", "-", url, check=False)
    return done.stdout.strip()


def read_processes(cluster: Cluster) -> set[str]:
    """Return the container ids and start times of the pods: another set means that one was started again."""
    pods = json.loads(cluster.kubectl(*PODS).stdout)["items"]
    states = [status for pod in pods for status in pod["status"]["containerStatuses"]]
    return {f"{status['containerID']} {status['state']['running']['startedAt']}" for status in states}


def test_a_node_is_ready_and_runs_the_versions_that_are_promised(cluster: Cluster) -> None:
    """Kubernetes 1.34 on containerd 2.2, as MicroK8s 1.34 ships them."""
    info = json.loads(cluster.kubectl("get", "node", cluster.control.name, "-o", "json").stdout)["status"]["nodeInfo"]
    assert info["kubeletVersion"].startswith("v1.34.")
    assert info["containerRuntimeVersion"].startswith("containerd://2.2.")


def test_restricted_pods_roll_out_and_their_service_has_a_name(web: Cluster) -> None:
    """Pods without any privilege start, and find each other by the cluster's own DNS."""
    assert wait_until("An answer by name", lambda: fetch(web, f"http://web.{SPACE}.svc.cluster.local"), 30) == "hello"


def test_a_privileged_pod_is_refused_where_restricted_is_enforced(web: Cluster) -> None:
    """Pod Security is the real one."""
    image = web.artefacts.references.busybox
    done = web.kubectl("-n", SPACE, "run", "bad", f"--image={image}", "--privileged", check=False)
    assert done.returncode != 0
    assert "violates PodSecurity" in done.stderr


def test_rights_are_checked_once_rbac_is_enabled(web: Cluster) -> None:
    """An account with no role may not read secrets."""
    asked = web.kubectl(
        "-n", SPACE, "auth", "can-i", "list", "secrets", f"--as=system:serviceaccount:{SPACE}:default", check=False
    )
    assert asked.stdout.strip() == "no"


def test_a_claim_without_a_class_gets_a_volume(web: Cluster) -> None:
    """hostpath-storage is the default class, and a pod of uid 65532 can write to it."""
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    place = {"name": "data", "namespace": SPACE}
    web.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": place, "spec": claim})
    job = describe_writer("data")
    web.apply(job)
    web.kubectl("-n", SPACE, "wait", "--for=condition=Complete", "--timeout=60s", "job/writer")


def describe_writer(claim: str) -> dict[str, object]:
    """Return a Job that writes a file into a claim's volume."""
    volume = {"name": "tmp", "persistentVolumeClaim": {"claimName": claim}}
    command = ("sh", "-c", "echo kept > /tmp/file && cat /tmp/file")
    template = describe_pod_template("writer", command, volumes=[volume], restartPolicy="Never")
    place = {"name": "writer", "namespace": SPACE}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": place,
        "spec": {"template": template, "backoffLimit": 0},
    }


def test_the_metrics_server_knows_what_a_node_uses(cluster: Cluster) -> None:
    """`kubectl top` answers from real figures."""
    ask = ("top", "node", cluster.control.name, "--no-headers")
    wait_until("Metrics", lambda: "Mi" in cluster.kubectl(*ask, check=False).stdout, 90)


def test_helm_installs_a_chart(web: Cluster, tmp_path: Path) -> None:
    """The Helm beside the cluster and the Helm inside the snap see the same release."""
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: trivial\nversion: 1.0.0\n")
    (tmp_path / "templates").mkdir()
    note = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: note}\ndata: {release: '{{ .Release.Name }}'}\n"
    (tmp_path / "templates" / "note.yaml").write_text(note)
    web.helm("install", "first", str(tmp_path), "--namespace", SPACE, "--wait")
    assert "first" in web.control.exec("/snap/bin/microk8s.helm3", "list", "-n", SPACE, "-q").stdout
    assert web.kubectl("-n", SPACE, "get", "configmap", "note", "-o", "jsonpath={.data.release}").stdout == "first"


def test_a_refresh_and_a_revert_keep_the_pods_running(web: Cluster, tmp_path: Path) -> None:
    """A new revision of the snap restarts Kubernetes and not one pod, in either direction."""
    before = read_processes(web)
    node = web.control
    node.copy_in(
        repack_snap(web.artefacts.snaps["microk8s"], tmp_path / "next.snap", "v1.34.4-next"), "/root/next.snap"
    )
    node.exec("snap", "install", "--dangerous", "--classic", "/root/next.snap")
    assert "v1.34.4-next" in node.exec("snap", "list", "microk8s").stdout
    wait_for_answers(web)
    assert read_processes(web) == before
    node.exec("snap", "revert", "microk8s")
    assert "v1.34.4-next" not in node.exec("snap", "list", "microk8s").stdout
    wait_for_answers(web)
    assert read_processes(web) == before


def wait_for_answers(cluster: Cluster) -> None:
    """Return when the node is Ready and one pod reaches another by name."""
    cluster.control.exec("/snap/bin/microk8s", "status", "--wait-ready", "--timeout", "120")
    wait_until("An answer", lambda: fetch(cluster, f"http://web.{SPACE}") == "hello", 60)


def test_a_node_that_lost_its_power_comes_back_with_its_pods_and_cards(web: Cluster) -> None:
    """Nobody does anything after the node is on again."""
    cards = web.control.make_cards(2)
    web.control.kill()
    web.control.start()
    wait_for_answers(web)
    wait_for_web(web)
    assert web.control.exec("ls", *cards).stdout.split() == cards


def test_the_snap_can_be_removed_with_pods_alive_and_installed_again(web: Cluster) -> None:
    """The remove hook leaves no process, no mount and no link, and a new cluster starts empty on the same node."""
    node = web.control
    node.exec("snap", "remove", "--purge", "microk8s")
    assert node.exec("pgrep", "-f", "containerd-shim", check=False).stdout == ""
    assert "/var/snap/microk8s" not in node.exec("cat", "/proc/mounts").stdout
    assert node.exec("ls", "/var/snap/microk8s", "/var/lib/kubelet", check=False).stdout == ""
    again = Cluster.start(web.name, addons=())
    assert again.kubectl("get", "namespace", SPACE, check=False).returncode != 0
    asked = again.kubectl("auth", "can-i", "list", "secrets", "--as=nobody", check=False)
    assert asked.stdout.strip() == "yes", "RBAC is on without `enable rbac`, unlike in MicroK8s"
    again.apply(describe_namespace(SPACE))

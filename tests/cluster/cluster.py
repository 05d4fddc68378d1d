"""A cluster: nodes on which the real snapd has installed the microk8s snap of this room."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from tests.cluster.artefacts import Artefacts, find_artefacts
from tests.cluster.command import run
from tests.cluster.network import remove_network_if_unused
from tests.cluster.node import LABEL_RECIPE, Node, list_nodes
from tests.cluster.store import compute_key, find_store
from tests.cluster.wait import wait_until

NAME = "airgate-test"
READY_LIMIT_S = 180
BIN = "/snap/bin/microk8s"
WORKER_MARK = "/var/snap/microk8s/current/var/lock/clustered.lock"

# Where a node sees the files of the store.
SNAPS = "/opt/airgate-test/snaps"
IMAGES = "/opt/airgate-test/images"

# MicroK8s's own default is none of these; RBAC first, because it restarts the API server.
ADDONS = ("rbac", "dns:/etc/resolv.conf", "hostpath-storage", "metrics-server")


@dataclass(frozen=True, slots=True)
class Cluster:
    """One control plane and its workers, by name. The kubeconfig works from this machine."""

    name: str
    nodes: tuple[Node, ...]
    kubeconfig: Path
    artefacts: Artefacts

    @classmethod
    def start(
        cls,
        name: str = NAME,
        *,
        nodes: int = 1,
        egress: bool = True,
        allowed: Sequence[str] = (),
        addons: Sequence[str] = ADDONS,
    ) -> "Cluster":
        """Bring up the cluster of this name and return it when its nodes are Ready and its addons roll.

        Does only what is missing: a running cluster answers within seconds, a stopped one is started, a node of an
        older recipe or without its processes is made anew. The first node, NAME-1, is the control plane, the others are
        workers. `egress` and `allowed` are those of Node.bare.
        """
        artefacts = find_artefacts()
        with find_store().lock(f"cluster-{name}"):
            way_out = {"egress": egress, "allowed": tuple(allowed)}
            made = [_start_node(f"{name}-{number}", artefacts, **way_out) for number in range(1, nodes + 1)]
            cluster = cls(name, tuple(made), find_kubeconfig(name), artefacts)
            cluster._install(addons)
        return cluster

    @classmethod
    def start_anew(
        cls,
        name: str,
        *,
        nodes: int = 1,
        egress: bool = True,
        allowed: Sequence[str] = (),
        addons: Sequence[str] = ADDONS,
    ) -> "Cluster":
        """Do what `start` does, after removing what a run that was cut off has left under this name."""
        remove_cluster(name)
        return cls.start(name, nodes=nodes, egress=egress, allowed=allowed, addons=addons)

    @classmethod
    def find(cls, name: str = NAME) -> "Cluster | None":
        """Return the cluster of this name as it is, or None where it has no node."""
        nodes = tuple(list_cluster_nodes(name))
        return cls(name, nodes, find_kubeconfig(name), find_artefacts()) if nodes else None

    @property
    def control(self) -> Node:
        """Return the node with the control plane."""
        return self.nodes[0]

    def remove(self) -> None:
        """Remove every node with its disk, and the kubeconfig."""
        remove_cluster(self.name)

    def kubectl(self, *argv: str, source: bytes | Path = b"", check: bool = True) -> CompletedProcess[str]:
        """Run kubectl on this machine against the cluster."""
        where = ("--kubeconfig", self.kubeconfig)
        return run(self.artefacts.kubectl, *where, *argv, source=source, check=check)

    def helm(self, *argv: str, check: bool = True) -> CompletedProcess[str]:
        """Run helm on this machine against the cluster."""
        return run(self.artefacts.helm, "--kubeconfig", self.kubeconfig, *argv, check=check)

    def apply(self, *manifests: dict[str, object]) -> None:
        """Apply manifests, given as Python dictionaries."""
        documents = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self.kubectl("apply", "-f", "-", source=json.dumps(documents).encode())

    def load(self, *archives: Path) -> None:
        """Import OCI or docker archives into containerd on every node, and pin their images there."""
        for node in self.nodes:
            for archive in archives:
                load_archive(node, archive)

    def label(self, node: Node, labels: Mapping[str, str]) -> None:
        """Set labels of a node, such as {"airgate.io/control": "true"}."""
        words = [f"{key}={value}" for key, value in labels.items()]
        self.kubectl("label", "--overwrite", "node", node.name, *words)

    def wait_ready(self) -> None:
        """Return when every node is Ready; raise TooLate otherwise."""
        names = [f"node/{node.name}" for node in self.nodes]
        ask = ("wait", "--for=condition=Ready", "--timeout=2s", *names)
        wait_until("Ready nodes", lambda: self.kubectl(*ask, check=False).returncode == 0, READY_LIMIT_S)

    def _install(self, addons: Sequence[str]) -> None:
        for node in self.nodes:
            silence_snapd(node)
            install_snaps(node, self.artefacts)
        wait_for_control(self.control)
        write_kubeconfig(self.control, self.kubeconfig)
        for worker in self.nodes[1:]:
            join_worker(self.control, worker)
        for node in self.nodes:
            import_images(node, self.artefacts)
        self.wait_ready()
        self._enable(addons)

    def _enable(self, addons: Sequence[str]) -> None:
        for addon in addons:
            self.control.exec(f"{BIN}.enable", addon)
        if addons:
            self.kubectl("-n", "kube-system", "rollout", "status", "--timeout=180s", "deployment")


def remove_cluster(name: str) -> None:
    """Remove what a cluster of this name has on this machine; nothing where it has nothing."""
    for node in list_cluster_nodes(name):
        node.remove()
    kubeconfig = find_kubeconfig(name)
    kubeconfig.unlink(missing_ok=True)
    if kubeconfig.parent.is_dir():
        kubeconfig.parent.rmdir()
    remove_network_if_unused()


def list_cluster_nodes(name: str) -> list[Node]:
    """Return NAME-1, NAME-2 and so on, and no node of a cluster whose name begins alike."""
    return [node for node in list_nodes(f"{name}-") if node.name.removeprefix(f"{name}-").isdecimal()]


def silence_snapd(node: Node) -> None:
    """Give snapd a proxy that refuses: without one it tries its store for a minute before it goes on."""
    folder = "/etc/systemd/system/snapd.service.d"
    proxy = "http://127.0.0.1:9"
    lines = f"[Service]\nEnvironment=http_proxy={proxy} https_proxy={proxy}\n"
    if node.exec("test", "-e", f"{folder}/quiet.conf", check=False).returncode:
        node.exec("sh", "-c", f"mkdir -p {folder} && cat > {folder}/quiet.conf", source=lines.encode())
        node.exec("systemctl", "daemon-reload")
        node.exec("systemctl", "restart", "snapd.service")


def install_snaps(node: Node, artefacts: Artefacts) -> None:
    """Install the three snaps by the node's own snapd, unless they are there."""
    for name in artefacts.snaps:
        if node.exec("test", "-e", f"/snap/{name}/current", check=False).returncode:
            extra = ["--classic"] if name == "microk8s" else []
            node.exec("snap", "install", "--dangerous", *extra, f"{SNAPS}/{name}.snap")


def wait_for_control(node: Node) -> None:
    """Return when the node's own control plane answers and the node is Ready."""
    node.exec(f"{BIN}.status", "--wait-ready", "--timeout", str(READY_LIMIT_S), limit_s=READY_LIMIT_S + 20)


def join_worker(control: Node, worker: Node) -> None:
    """Make a node a worker of the control plane's cluster, unless it is one."""
    if worker.exec("test", "-e", WORKER_MARK, check=False).returncode:
        words = control.exec(f"{BIN}.add-node").stdout.split()
        worker.exec(f"{BIN}.join", words[-2], "--worker")


def import_images(node: Node, artefacts: Artefacts) -> None:
    """Import the images that a cluster needs before any of ours, unless they are there."""
    ask = (f"{BIN}.ctr", "image", "list", "-q")
    wait_until("An answer of containerd", lambda: node.exec(*ask, check=False).returncode == 0, READY_LIMIT_S)
    have = node.exec(*ask).stdout.split()
    for reference, archive in artefacts.images.items():
        if reference not in have:
            load_archive(node, archive)


def load_archive(node: Node, archive: Path) -> list[str]:
    """Import an archive into a node's containerd, pin its images against the kubelet's cleaning, return their names."""
    ctr = f"{BIN}.ctr"
    before = set(node.exec(ctr, "image", "list", "-q").stdout.split())
    node.exec(ctr, "image", "import", "--platform", "linux/amd64", "-", source=archive)
    added = sorted(set(node.exec(ctr, "image", "list", "-q").stdout.split()) - before)
    for name in added:
        node.exec(ctr, "image", "label", name, "io.cri-containerd.pinned=pinned")
    return added


def write_kubeconfig(node: Node, target: Path) -> Path:
    """Write the administrator's kubeconfig of a node's cluster, for use from this machine (mode 0600)."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch(mode=0o600)
    target.write_text(node.exec(f"{BIN}.config").stdout)
    return target


def find_kubeconfig(name: str) -> Path:
    """Return where the kubeconfig of a cluster is, or will be."""
    return find_store().root / "clusters" / name / "kubeconfig"


def _start_node(name: str, artefacts: Artefacts, *, egress: bool, allowed: tuple[str, ...]) -> Node:
    recipe = compute_key(artefacts.node_image, str(artefacts.snaps["microk8s"]), repr((egress, allowed)))
    node = Node.find(name)
    if node is not None and (node.is_lost() or node.read_label(LABEL_RECIPE) != recipe):
        node.remove()
        node = None
    if node is None:
        snaps, images = (next(iter(paths.values())).parent for paths in (artefacts.snaps, artefacts.images))
        mounts = {snaps: SNAPS, images: IMAGES}
        return Node.bare(name, egress=egress, allowed=allowed, mounts=mounts, labels={LABEL_RECIPE: recipe})
    node.start()
    return node

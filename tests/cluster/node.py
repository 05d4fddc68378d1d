"""One node: a container in which systemd is the first process, as on a server."""

import json
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from tests.cluster import egress, network
from tests.cluster.artefacts import find_artefacts
from tests.cluster.command import CommandFailed, ensure_tools, run
from tests.cluster.egress import Attempts
from tests.cluster.entry import describe_entry
from tests.cluster.podman_images import SYSTEMD
from tests.cluster.ssh import AUTHORIZED_KEYS, find_public_key
from tests.cluster.store import find_store
from tests.cluster.wait import wait_until

BOOT_LIMIT_S = 90
STOP_LIMIT_S = 60

LABEL_NODE = "airgate.test.node"
LABEL_EGRESS = "airgate.test.egress"
LABEL_RECIPE = "airgate.test.recipe"
OPEN = "open"

_pids: dict[str, int] = {}  # asking podman takes longer than most of what is done in a node


@dataclass(frozen=True, slots=True)
class Node:
    """A node container by name, with the address that it keeps for its life."""

    name: str
    address: str

    @classmethod
    def bare(
        cls,
        name: str,
        *,
        egress: bool = True,
        allowed: Iterable[str] = (),
        mounts: Mapping[Path, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> "Node":
        """Create and start a node with systemd, sshd, snapd, sudo and Python, and nothing of Kubernetes.

        With egress=False every packet to beyond its peers and `allowed` (nftables matches, see egress.close_egress)
        is dropped and counted, from before its first process on and after every start. `mounts` are host paths to
        be seen read-only at a path in the node. Raises CommandFailed when the name is taken.
        """
        ensure_tools("podman", "runc", "nft", "nsenter")
        closed = OPEN if egress else json.dumps(list(allowed))
        marks = {**(labels or {}), LABEL_NODE: name, LABEL_EGRESS: closed}
        node = _create(name, marks, mounts or {})
        node.start()
        return node

    @classmethod
    def find(cls, name: str) -> "Node | None":
        """Return the node of that name, running or not, or None."""
        labels = _read_labels(name)
        return cls(name, labels[network.LABEL]) if network.LABEL in labels else None

    def start(self) -> None:
        """Start the node and return when systemd has finished booting. Does nothing to a running one."""
        if not self.is_running():
            run("podman", "init", self.name)
            self._close_egress()
            run("podman", "start", self.name)
        wait_until(f"The start of {self.name}", self._has_booted, BOOT_LIMIT_S)

    def stop(self) -> None:
        """Shut the node down in order, as `poweroff` does."""
        watcher = self.find_watcher()
        run("podman", "stop", "--time", str(STOP_LIMIT_S), self.name)
        self._wait_gone(watcher)

    def kill(self) -> None:
        """End every process of the node at once, as a power cut does; what is on its disk stays."""
        watcher = self.find_watcher()
        run("podman", "kill", "--signal", "KILL", self.name)
        self._wait_gone(watcher)

    def remove(self) -> None:
        """Remove the node with its disk, in whatever state it is."""
        if self.is_lost():
            run("podman", "stop", "--time", "0", self.name)  # podman has to notice that it ended
        run("podman", "rm", "--force", "--time", "0", "--volumes", self.name)
        run("podman", "volume", "rm", "--force", _volume(self.name))

    def exec(
        self, *argv: str, source: bytes | Path = b"", check: bool = True, limit_s: float = 600
    ) -> CompletedProcess[str]:
        """Run argv in the node as root, with `source` as its standard input."""
        return run(*describe_entry(self.read_pid()), *argv, source=source, check=check, limit_s=limit_s)

    def copy_in(self, source: Path, target: str) -> None:
        """Copy a file or a folder of this machine to a path in the node (not below /tmp and /run)."""
        run("podman", "cp", source, f"{self.name}:{target}")

    def is_running(self) -> bool:
        """Return whether the container has processes."""
        return _inspect(self.name, "{{.State.Running}}") == "true"

    def is_lost(self) -> bool:
        """Return whether podman takes the node for running while its first process is gone.

        That is what the end of a whole process tree leaves, podman's watcher with it; such a node can only be removed.
        """
        return self.is_running() and not _is_first_process(int(_inspect(self.name, "{{.State.Pid}}")), self.name)

    def read_label(self, label: str) -> str:
        """Return a label that was given when the node was created, or an empty string."""
        return _read_labels(self.name).get(label, "")

    def read_attempts(self) -> Attempts:
        """Return what tried to leave since the node's start or zero_attempts; the node must have egress=False."""
        return egress.read_attempts(self.read_pid())

    def zero_attempts(self) -> None:
        """Count from 0 again."""
        egress.zero_attempts(self.read_pid())

    def make_cards(self, count: int, group: str = "qaic") -> list[str]:
        """Make device nodes /dev/accel/accel0…, 0660 and of `group`, and return their paths.

        They behave as /dev/null does: no ioctl answers. They are there again after a restart; a smaller count takes
        the others away.
        """
        paths = [f"/dev/accel/accel{number}" for number in range(count)]
        lines = ["d /dev/accel 0755 root root -", *(f"c {path} 0660 root {group} - 1:3" for path in paths)]
        self.exec("groupadd", "--system", "--force", group)
        self.exec("sh", "-c", "cat > /etc/tmpfiles.d/airgate-cards.conf", source="\n".join([*lines, ""]).encode())
        self.exec("sh", "-c", "rm -rf /dev/accel/* && systemd-tmpfiles --create airgate-cards.conf")
        return paths

    def _close_egress(self) -> None:
        rule = self.read_label(LABEL_EGRESS)
        if rule != OPEN:
            egress.close_egress(self.read_pid(), json.loads(rule))

    def find_watcher(self) -> Path:
        """Return the process that waits for the end of the node and then takes its network and mounts away."""
        return Path("/proc", _inspect(self.name, "{{.State.ConmonPid}}"))

    def _wait_gone(self, watcher: Path) -> None:
        """Wait until the node is gone and cleared away: what is started sooner would be cleared away with it."""
        wait_until(f"The end of {self.name}", lambda: not self.is_running() and not watcher.exists(), STOP_LIMIT_S)

    def _has_booted(self) -> bool:
        state = self.exec("systemctl", "is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded") and self._answers_ssh()

    def _answers_ssh(self) -> bool:
        """Ask from this machine, which may have to forget a removed node of the same address first."""
        try:
            socket.create_connection((self.address, 22), timeout=2).close()
        except OSError:
            return False
        return True

    def read_pid(self) -> int:
        """Return the process id of the node's first process, by which its files can be reached while it runs.

        Raises CommandFailed when the node does not run.
        """
        pid = _pids.get(self.name, 0)
        if not _is_first_process(pid, self.name):
            pid = _pids[self.name] = int(_inspect(self.name, "{{.State.Pid}}"))
        if not pid:
            raise CommandFailed(f"The node {self.name} does not run: start it first.")
        return pid


def remove_left(name: str) -> None:
    """Remove the node that a run that was cut off left under this name, in whatever state; nothing where none is."""
    left = Node.find(name)
    if left is not None:
        left.remove()


def list_nodes(prefix: str = "") -> list[Node]:
    """Return the nodes on this machine whose name starts with `prefix`, by name."""
    listed = run("podman", "ps", "--all", "--filter", f"label={LABEL_NODE}", "--format", "{{.Names}}").stdout.split()
    nodes = [Node.find(name) for name in sorted(listed) if name.startswith(prefix)]
    return [node for node in nodes if node is not None]


def _create(name: str, labels: Mapping[str, str], mounts: Mapping[Path, str]) -> Node:
    """Containers that are created at the same time must not take the same address."""
    image = find_artefacts().node_image
    with find_store().lock("network"):
        network.ensure_network()
        address = network.choose_address(network.find_addresses())
        words = [f"--label={key}={value}" for key, value in {**labels, network.LABEL: address}.items()]
        seen = {**mounts, find_public_key(): AUTHORIZED_KEYS}
        words += [f"--volume={source}:{target}:ro" for source, target in seen.items()]
        place = ("--network", network.NAME, "--ip", address, "--hostname", name, "--name", name)
        # containerd's layers and snapd's data cannot lie on podman's overlay.
        run("podman", "create", *SYSTEMD, *place, f"--volume={_volume(name)}:/var/snap", *words, image)
    return Node(name, address)


def _is_first_process(pid: int, name: str) -> bool:
    """Whether a process id that was right once still is: after a restart it may be anybody's."""
    try:
        return pid > 0 and Path(f"/proc/{pid}/root/etc/hostname").read_text().strip() == name
    except OSError:
        return False


def _volume(name: str) -> str:
    return f"{name}-snap"


def _read_labels(name: str) -> dict[str, str]:
    try:
        return dict(json.loads(_inspect(name, "{{json .Config.Labels}}")) or {})
    except CommandFailed:
        return {}


def _inspect(name: str, question: str) -> str:
    return run("podman", "container", "inspect", "--format", question, name).stdout.strip()

"""Root file systems as images in podman's own store."""

from pathlib import Path
from uuid import uuid4

from tests.cluster.command import ensure_tools, run
from tests.cluster.store import Store, compute_key
from tests.cluster.wait import wait_until

NODE = "localhost/airgate-test-node"
NODE_CHANGES = ('CMD ["/sbin/init"]', "STOPSIGNAL SIGRTMIN+3", "ENV container=podman")
BASE = "localhost/airgate-test-base"
BASE_CHANGES = ("ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "ENV LANG=C.UTF-8")

# How a container becomes a machine with systemd. Without a cgroup namespace of its own runc, inside, does not find
# its cgroups; a container that may not raise its limits needs them given.
SYSTEMD = (
    *("--runtime", "runc", "--privileged", "--cgroupns", "private", "--systemd", "always", "--pids-limit", "-1"),
    *("--ulimit", "nofile=20000:20000", "--ulimit", "nproc=30000:30000", "--tmpfs", "/tmp", "--tmpfs", "/run"),
)
FIRST_BOOT_LIMIT_S = 240


def find_base_image(store: Store, root: Path) -> str:
    """Return the name of the base image; a few seconds when it must be imported."""
    name = f"{BASE}:{compute_key(root.parent.name, *BASE_CHANGES)}"
    with store.lock("podman-images"):
        if not _exists(name):
            _import(root, name, BASE_CHANGES)
    return name


def find_node_image(store: Store, root: Path) -> str:
    """Return the name of the node image; under a minute when it must be made.

    It is a machine that has booted once: a snapd that never reached its store waits half a minute for it before it
    says that it is seeded, and a server has long done so when the appliance arrives.
    """
    name = f"{NODE}:{compute_key(root.parent.name, *NODE_CHANGES, *SYSTEMD, 'booted once')}"
    with store.lock("podman-images"):
        if not _exists(name):
            _import(root, f"{name}-raw", NODE_CHANGES)
            _boot_once(f"{name}-raw", name)
            run("podman", "rmi", f"{name}-raw", check=False)
    return name


def _exists(name: str) -> bool:
    return run("podman", "image", "exists", name, check=False).returncode == 0


def _import(root: Path, name: str, changes: tuple[str, ...]) -> None:
    ensure_tools("podman", "runc")
    run("podman", "import", *(word for change in changes for word in ("--change", change)), root, name)


def _boot_once(raw: str, name: str) -> None:
    container = f"airgate-test-seed-{uuid4().hex[:8]}"
    run("podman", "run", "--detach", "--network", "none", "--name", container, *SYSTEMD, raw)
    try:
        ask = ("podman", "exec", container, "systemctl", "is-system-running")
        wait_until("The first boot", lambda: run(*ask, check=False).stdout.strip() == "running", FIRST_BOOT_LIMIT_S)
        forget = ": > /etc/machine-id; rm -f /var/lib/dbus/machine-id"
        run("podman", "exec", container, "sh", "-c", forget)
        run("podman", "stop", container)
        run("podman", "commit", "--quiet", container, name)
    finally:
        run("podman", "rm", "--force", "--time", "0", container)

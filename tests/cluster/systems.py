"""Debian 12 root file systems, as tar archives, made by mmdebstrap from whatever mirror this machine uses."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.command import ensure_tools, run
from tests.cluster.store import Store, compute_key

SUITE = "bookworm"
LEAVE_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")

# A container has no kernel of its own, and a node here no console.
UNITS_MASKED = (
    "systemd-modules-load.service",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "getty.target",
    "console-getty.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
)


# A container sees the loop devices of the minute in which it started; snapd mounts its snaps on the next free one.
LOOP_DEVICES = "".join(f"b /dev/loop{number} 0660 root disk - 7:{number}\n" for number in range(128))


# Who a site's Ansible comes as.
OPERATOR = "ansible"


@dataclass(frozen=True, slots=True)
class System:
    """One root file system: the packages in it and what is changed after they are installed ($1 is its root)."""

    name: str
    variant: str
    packages: tuple[str, ...]
    changes: tuple[str, ...] = ()


# A server on which the appliance is installed: systemd, sshd, Python for Ansible, snapd. Nothing of Kubernetes.
NODE = System(
    name="node",
    variant="minbase",
    packages=(
        *("systemd", "systemd-sysv", "dbus", "udev", "kmod", "procps", "iproute2", "iptables", "conntrack"),
        *("ethtool", "socat", "openssl", "ca-certificates", "python3", "python3-apt", "sudo", "snapd", "tzdata"),
        "openssh-server",
    ),
    changes=(
        f'chroot "$1" useradd --create-home --shell /bin/bash {OPERATOR}',
        f'echo "{OPERATOR} ALL=(ALL) NOPASSWD: ALL" > "$1/etc/sudoers.d/{OPERATOR}"',
        f'chroot "$1" systemctl mask {" ".join(UNITS_MASKED)}',
        f'printf %s "{LOOP_DEVICES}" > "$1/usr/lib/tmpfiles.d/airgate-loop.conf"',
    ),
)

# Stands where a site puts its Python base image: `podman build --build-arg BASE=…`.
BASE = System(
    name="base",
    variant="minbase",
    packages=("python3", "python3-venv", "python3-pip", "libgomp1", "ca-certificates", "tzdata"),
    changes=(
        'rm "$1"/usr/lib/python3*/EXTERNALLY-MANAGED',
        'ln -s python3 "$1/usr/bin/python"',
    ),
)

# Single programs that cannot be built without a C compiler.
PARTS = System(name="parts", variant="extract", packages=("runc", "containernetworking-plugins", "busybox"))


def find_system(store: Store, system: System) -> Path:
    """Return the tar archive of a root file system; one to four minutes when it must be made."""
    key = compute_key(repr(system), SUITE, repr(LEAVE_OUT))
    return store.publish(f"system-{system.name}", key, lambda draft: _build(system, draft)) / "root.tar"


def _build(system: System, draft: Path) -> None:
    ensure_tools("mmdebstrap")
    without = [f"--dpkgopt=path-exclude={pattern}" for pattern in LEAVE_OUT]
    hooks = [f"--customize-hook={change}" for change in system.changes]
    packages = f"--include={','.join(system.packages)}"
    argv: Sequence[str | Path] = ("mmdebstrap", f"--variant={system.variant}", *without, packages, *hooks)
    run("nice", "-n", "5", *argv, SUITE, draft / "root.tar")

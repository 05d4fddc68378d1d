"""Whether a machine can become a node: read what it is, hold it against what is needed, say in sentences what to do.

Everything is read under a root folder, so that a reconstructed tree is judged as a machine is. Writes nothing.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

LISTENING = "0A"  # state column of /proc/net/tcp
MIB = 1024 * 1024
OURS = ("/snap/microk8s/", "snap.microk8s.")  # a port held by these is the product's own
DAY_S = 86400


@dataclass(frozen=True)
class Need:
    """What a node must have."""

    memory_mib: int
    cores: int
    disk_mib: int
    systems: tuple[str, ...]  # such as "ubuntu 24.04"
    kernel: str  # oldest, such as "5.15"
    ports: tuple[int, ...]
    snapd: bool
    not_before: str  # day before which a clock is certainly wrong, such as "2026-11-01"


@dataclass(frozen=True)
class Machine:
    """What was found."""

    memory_mib: int
    cores: int
    disk: str  # the folder whose disk was looked at
    disk_mib: int  # free
    system: str
    kernel: str
    snapd: bool
    default_route: bool
    now: int  # seconds since 1970
    holders: dict[int, str] = field(default_factory=dict)  # listening port to who holds it, the product's own left out


def find_machine(root: Path, disk: Path, now: int) -> Machine:
    """Read the machine whose file system is at `root`; `disk` is the folder that images will fill."""
    existing = next(folder for folder in (disk, *disk.parents) if folder.exists())
    return Machine(
        memory_mib=read_memory(root),
        cores=len(re.findall(r"^processor\s*:", (root / "proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)),
        disk=str(disk),
        disk_mib=shutil.disk_usage(existing).free // MIB,
        system=read_system(root),
        kernel=(root / "proc/sys/kernel/osrelease").read_text(encoding="utf-8").strip(),
        snapd=any(line.endswith("/run/snapd.socket") for line in read_lines(root / "proc/net/unix")),
        default_route=has_default_route(root),
        now=now,
        holders=find_holders(root),
    )


def read_memory(root: Path) -> int:
    """Return the memory in MiB."""
    found = re.search(r"MemTotal:\s+(\d+) kB", (root / "proc/meminfo").read_text(encoding="utf-8"))
    return int(found.group(1)) // 1024 if found else 0


def read_system(root: Path) -> str:
    """Return the system as "ubuntu 24.04"."""
    text = (root / "etc/os-release").read_text(encoding="utf-8")
    fields = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', text, re.MULTILINE))
    return f"{fields.get('ID', 'unknown')} {fields.get('VERSION_ID', '')}".strip()


def has_default_route(root: Path) -> bool:
    """Say whether there is a default route, of IPv4 or IPv6."""
    lines = read_lines(root / "proc/net/route")
    if any(line.split()[1] == "00000000" for line in lines[1:] if len(line.split()) > 1):
        return True
    six = [line.split() for line in read_lines(root / "proc/net/ipv6_route")]
    return any(words[0] == "0" * 32 and words[1] == "00" and words[-1] != "lo" for words in six if words)


def find_holders(root: Path) -> dict[int, str]:
    """Return each listening TCP port with the program that holds it; the product's own programs are left out."""
    sockets = dict(find_listening(root))
    holders = {}
    for process in sorted((root / "proc").glob("[0-9]*")):
        for port in {sockets[inode] for inode in find_inodes(process) if inode in sockets}:
            if port not in holders and not is_ours(process):
                holders[port] = f"{read_name(process)} (process {process.name})"
    return holders


def find_listening(root: Path) -> Iterator[tuple[str, int]]:
    """Yield inode and port of every listening TCP socket."""
    for line in read_lines(root / "proc/net/tcp")[1:] + read_lines(root / "proc/net/tcp6")[1:]:
        words = line.split()
        if words[3] == LISTENING:
            yield words[9], int(words[1].rpartition(":")[2], 16)


def find_inodes(process: Path) -> set[str]:
    """Return the inodes of a process's sockets; none when it has ended or is not ours to see."""
    found = set()
    try:
        for link in (process / "fd").iterdir():
            found.update(re.findall(r"socket:\[(\d+)\]", str(link.readlink())))
    except OSError:
        pass
    return found


def is_ours(process: Path) -> bool:
    """Say whether a process belongs to the product's own Kubernetes."""
    try:
        program = str((process / "exe").readlink())
    except OSError:
        program = ""
    return any(mark in text for mark in OURS for text in (program, "\n".join(read_lines(process / "cgroup"))))


def read_name(process: Path) -> str:
    """Return a process's name."""
    return "".join(read_lines(process / "comm")) or "a program"


def read_lines(path: Path) -> list[str]:
    """Return a file's lines, none when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def judge(machine: Machine, need: Need) -> list[str]:
    """Return what is wrong, each in one sentence with what to do; empty when the machine will do."""
    return [*judge_size(machine, need), *judge_system(machine, need), *judge_ports(machine, need)]


def judge_size(machine: Machine, need: Need) -> Iterator[str]:
    """Yield what the machine has too little of."""
    if machine.memory_mib < need.memory_mib:
        yield (
            f"This node has {machine.memory_mib} MiB of memory where {need.memory_mib} MiB are needed; add memory, or "
            "lower airgate_preflight_memory_mib if its models are small."
        )
    if machine.cores < need.cores:
        yield (
            f"This node has {machine.cores} CPU cores where {need.cores} are needed; add cores, or lower "
            "airgate_preflight_cores."
        )
    if machine.disk_mib < need.disk_mib:
        yield (
            f"{machine.disk} has {machine.disk_mib} MiB free where {need.disk_mib} MiB are needed; free space or mount "
            "a bigger disk there, or lower airgate_preflight_disk_mib."
        )


def judge_system(machine: Machine, need: Need) -> Iterator[str]:
    """Yield what is wrong with the system, its clock and its network."""
    if machine.system not in need.systems:
        yield (
            f"This node runs {machine.system}, which is not one of {', '.join(need.systems)}; install one of them, or "
            "add it to airgate_preflight_systems after a trial of your own."
        )
    if order_of(machine.kernel) < order_of(need.kernel):
        yield f"The kernel {machine.kernel} is older than {need.kernel}; install the system's newer kernel and restart."
    if need.snapd and not machine.snapd:
        yield (
            "snapd is not running on this node; install the package snapd and start snapd.socket, or set "
            "airgate_kubernetes: existing if a cluster is there already."
        )
    yield from judge_clock(machine.now, need.not_before)
    if not machine.default_route:
        yield (
            "This node has no default route, without which Kubernetes does not start; add one to any address of the "
            "site, even one that nobody answers at (ip route add default via ADDRESS)."
        )


def judge_clock(now: int, not_before: str) -> Iterator[str]:
    """Yield what is wrong with the time (seconds since 1970), or with the day before which it cannot be right."""
    try:
        first = date.fromisoformat(not_before)
    except ValueError:
        yield f"airgate_preflight_not_before is '{not_before}', which is no day; write one such as '2026-11-01'."
        return
    days = (first - date(1970, 1, 1)).days - now // DAY_S
    if days > 0:
        yield f"This node's clock is at least {days} days behind; set it (timedatectl set-time), then run again."


def judge_ports(machine: Machine, need: Need) -> Iterator[str]:
    """Yield the ports that something else holds."""
    for port in need.ports:
        if port in machine.holders:
            yield f"Port {port} is held by {machine.holders[port]}; stop that program or give it another port."


def order_of(kernel: str) -> tuple[int, ...]:
    """Return a kernel's version as two numbers that compare."""
    return tuple(int(number) for number in re.findall(r"\d+", kernel)[:2])

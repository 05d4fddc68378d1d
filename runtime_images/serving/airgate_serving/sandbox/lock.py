"""The whole lock: which paths a model needs, putting the parts on, and whether what could be locked is enough."""

import contextlib
import importlib.util
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from airgate_serving.errors import LockMissing
from airgate_serving.sandbox import landlock, seccomp

LIBRARIES = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/usr/share/zoneinfo")
FACTS = ("/etc/localtime", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/sys/devices", "/sys/fs/cgroup")
FACTS_ABOUT_CARDS = ("/sys/bus/pci", "/sys/class/drm")  # ONNX Runtime looks there for devices
OWN_FACTS = ("maps", "status", "stat", "statm", "cgroup", "mountinfo")  # not environ, not mem
TENSORFLOW_FACTS = ("cmdline",)  # it ends the process that may not read its own; nothing secret stands there
ALWAYS_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
NVIDIA_FACTS = ("/proc/driver/nvidia", "/proc/devices", "/sys/module", "/dev/shm", "/usr/local/nvidia")  # noqa: S108
NVIDIA_DEVICES = "nvidia*"
QAIC_FACTS = ("/sys/class/accel", "/sys/bus/mhi", "/etc/group")  # the runtime looks the group qaic up by its name
QAIC_DEVICES = "accel/accel*"


@dataclass(frozen=True, slots=True)
class LockPlan:
    """What must stay reachable besides Python and its libraries."""

    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    devices: tuple[Path, ...] = ()
    may_bind: bool = False
    may_connect: bool = False


@dataclass(frozen=True, slots=True)
class LockReport:
    """What could be locked: Landlock's version (0: no files are locked) and whether system calls are filtered."""

    landlock_abi: int
    seccomp: bool = False
    reason: str = ""

    def explain(self) -> str:
        """Return what is locked, for a log line and a page."""
        files = f"files by Landlock {self.landlock_abi}" if self.landlock_abi else "files not locked (no Landlock)"
        calls = "system calls by seccomp" if self.seccomp else f"system calls not filtered ({self.reason})"
        return f"{files}; {calls}"


def lock_files(plan: LockPlan, abi: int | None = None) -> LockReport:
    """Leave only the plan's paths, Python and its libraries, for this thread and all that it starts.

    Call it before other threads and an event loop exist. `abi` is the kernel's unless given; 0 locks nothing.
    """
    if seccomp.find_library():  # before the files are locked: finding it reads
        with contextlib.suppress(OSError, RuntimeError):  # `lock_calls` meets the same and reports it
            seccomp.forbid_rings()
    version = landlock.find_abi() if abi is None else abi
    if version:
        devices = (*map(Path, ALWAYS_DEVICES), *plan.devices)
        landlock.restrict((*list_needed(), *plan.read), plan.write, devices, version, plan.may_bind, plan.may_connect)
    else:
        landlock.forbid_new_privileges()
    return LockReport(version)


def lock_calls(report: LockReport, serving: bool, may_connect: bool = False) -> LockReport:
    """Filter the system calls of every thread; return the report with that added. Never raises.

    A serving process keeps the sockets it has; one that `may_connect` makes new ones, and listens at none.
    """
    sockets = seccomp.NO_SOCKETS if serving else seccomp.NO_SOCKETS_AT_ALL
    try:
        seccomp.load_filter(seccomp.NO_DOORS if may_connect else sockets)
    except (OSError, RuntimeError, ImportError) as error:
        return LockReport(report.landlock_abi, seccomp=False, reason=str(error))
    return LockReport(report.landlock_abi, seccomp=True)


def judge_opening(report: LockReport, carries_code: bool, excused: bool) -> None:
    """Raise LockMissing when a format that carries code would be opened with a part of the lock missing.

    `excused` means that somebody said so explicitly and that only this machine can call.
    """
    if not carries_code or excused or (report.landlock_abi and report.seccomp):
        return
    raise LockMissing(
        f"A file of this format may carry code, and this machine cannot lock it in: {report.explain()}.",
        "Use a kernel of 5.13 or later with Landlock switched on and libseccomp2 installed, or export to ONNX.",
    )


def list_needed() -> list[Path]:
    """Return the paths of Python, its packages, the system's libraries and the facts that libraries ask for."""
    paths = [Path(path) for path in (*LIBRARIES, *FACTS, *FACTS_ABOUT_CARDS)]
    paths += [Path(path) for path in sysconfig.get_paths().values()]
    if sys.prefix != sys.base_prefix:
        paths.append(Path(sys.prefix))
    paths += [*list_own_packages(), *list_wheel_folders()]
    facts = (*OWN_FACTS, *(TENSORFLOW_FACTS if importlib.util.find_spec("tensorflow") else ()))
    return paths + [Path("/proc/self", name) for name in facts]


def list_own_packages() -> list[Path]:
    """Return where our own packages lie, which in a checkout is outside of Python's folders."""
    import airgate_kit
    import airgate_protocols

    folders = [Path(package.__file__).parent for package in (airgate_kit, airgate_protocols) if package.__file__]
    return [*folders, Path(__file__).parent.parent]


def list_wheel_folders() -> list[Path]:
    """Return where the libraries were installed, which in an image is a folder of their own."""
    found = importlib.util.find_spec("numpy")  # finds without importing
    return [Path(found.origin).parent.parent] if found and found.origin else []


def list_card_paths(nvidia: bool, qaic_sdk: str = "", qaic: bool = False) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Return what to read and what to drive where cards were granted: the node files this container was given.

    qaic_sdk: where Qualcomm's libraries lie; a program is described by them without a card too.
    """
    facts = (*(NVIDIA_FACTS if nvidia else ()), *(QAIC_FACTS if qaic else ()), *([qaic_sdk] if qaic_sdk else ()))
    devices = (*((NVIDIA_DEVICES,) if nvidia else ()), *((QAIC_DEVICES,) if qaic else ()))
    return tuple(map(Path, facts)), tuple(path for pattern in devices for path in Path("/dev").glob(pattern))

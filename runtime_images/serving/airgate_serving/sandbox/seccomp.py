"""A filter of system calls: no new sockets, no programs, no new processes, nothing that reaches into others.

Forbidden calls fail with an error number instead of killing, so that a library that only probes goes on.
"""

import errno
import os
from collections.abc import Iterable
from typing import Any

NO_PROGRAMS = ("execve", "execveat", "fork", "vfork")
NO_SOCKETS = ("socket", "connect", "bind", "listen")
NO_SOCKETS_AT_ALL = (
    *NO_SOCKETS,
    "socketpair",
    "accept",
    "accept4",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "recvfrom",
)
NO_DOORS = ("listen", "accept", "accept4")  # for one that only calls somebody
NO_PEERS = ("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "move_pages", "kcmp")
NO_HANDLES = ("pidfd_open", "pidfd_getfd", "pidfd_send_signal", "open_by_handle_at", "name_to_handle_at")
NO_SHARING = ("shmget", "shmat", "shmctl", "semget", "semctl", "semop", "msgget", "msgsnd", "msgrcv", "mq_open")
NO_SIGNALS = ("kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")
NO_RINGS = ("io_uring_setup", "io_uring_enter", "io_uring_register")  # a ring makes sockets past any filter
NO_MOUNTS = ("mount", "umount2", "pivot_root", "chroot", "setns", "unshare", "open_tree", "move_mount")
NO_NEW_MOUNTS = ("fsopen", "fsmount", "fsconfig", "fspick", "mount_setattr", "mknod", "mknodat")
NO_PROBES = ("bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key", "syslog", "personality")
NO_MODULES = ("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot")
NO_SETTINGS = ("swapon", "swapoff", "acct", "quotactl", "sethostname", "setdomainname", "vhangup", "iopl", "ioperm")
NO_CLOCKS = ("settimeofday", "clock_settime", "clock_adjtime", "adjtimex")
NO_USERS = ("setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups")
OTHERS_ALONE = (NO_PEERS, NO_HANDLES, NO_SIGNALS, NO_SHARING)
KERNEL_ALONE = (NO_RINGS, NO_MOUNTS, NO_NEW_MOUNTS, NO_PROBES, NO_MODULES, NO_SETTINGS, NO_CLOCKS, NO_USERS)
CLONE_THREAD = 0x00010000
TIOCSTI = 0x5412  # types into the terminal that started us


def find_library() -> bool:
    """Find and load libseccomp, and return whether it is there. Call it before files are locked: finding it reads."""
    try:
        import pyseccomp  # noqa: F401
    except (ImportError, RuntimeError, OSError):
        return False
    return True


def forbid_rings() -> None:
    """Forbid io_uring alone. Call it before an event loop exists: libuv takes a ring if it can and never gives it back.

    Raises OSError or RuntimeError where libseccomp or the kernel cannot.
    """
    rules = _start_rules()
    _deny(rules, NO_RINGS, errno.ENOSYS)
    rules.load()


def load_filter(sockets: Iterable[str]) -> None:
    """Put the filter on every thread of this process. sockets: the calls for sockets that it forbids.

    Raises OSError or RuntimeError where libseccomp or the kernel cannot.
    """
    rules = _start_rules()
    for calls in (NO_PROGRAMS, sockets, *OTHERS_ALONE, *KERNEL_ALONE):
        _deny(rules, calls, errno.EPERM)
    _deny_by_argument(rules)
    rules.load()


def _start_rules() -> Any:
    """Return a filter that allows everything, for all threads of the process."""
    import pyseccomp

    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    rules.set_attr(pyseccomp.Attr.CTL_TSYNC, 1)
    return rules


def _deny(rules: Any, calls: Iterable[str], number: int) -> None:
    """Deny whole system calls; one that this architecture does not have needs no rule."""
    import pyseccomp

    for name in calls:
        try:
            call = pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name)
        except (OSError, ValueError):
            continue
        if call >= 0:
            rules.add_rule(pyseccomp.ERRNO(number), call)


def _deny_by_argument(rules: Any) -> None:
    """Deny new processes but not threads, signals and limits of others but not our own, and typing for the user."""
    import pyseccomp as sc

    add = rules.add_rule
    deny = sc.ERRNO(errno.EPERM)
    add(sc.ERRNO(errno.ENOSYS), "clone3")  # its flags are in memory, out of a filter's sight: glibc then takes clone
    add(deny, "clone", sc.Arg(0, sc.MASKED_EQ, CLONE_THREAD, 0))
    add(deny, "tgkill", sc.Arg(0, sc.NE, os.getpid()))
    add(deny, "prlimit64", sc.Arg(0, sc.NE, 0))
    add(deny, "ioctl", sc.Arg(1, sc.MASKED_EQ, 0xFFFFFFFF, TIOCSTI))

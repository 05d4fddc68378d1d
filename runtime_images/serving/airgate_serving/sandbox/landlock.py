"""Landlock by its three system calls: afterwards this thread, and all that it starts, reaches only the given paths.

Docs: Linux `Documentation/userspace-api/landlock.rst`; numbers and structures from `include/uapi/linux/landlock.h`.
"""

import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path

SYS_CREATE_RULESET, SYS_ADD_RULE, SYS_RESTRICT_SELF = 444, 445, 446  # the same on all architectures since 5.13
CREATE_RULESET_VERSION = 1
RULE_PATH_BENEATH = 1
PR_SET_NO_NEW_PRIVS = 38

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
ALL_OF_ABI_1 = (1 << 13) - 1
NET_BIND, NET_CONNECT = 1 << 0, 1 << 1
SCOPE_ABSTRACT_UNIX, SCOPE_SIGNAL = 1 << 0, 1 << 1
FILE_RIGHTS = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV  # the ones that mean something for a file

_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = [("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


def find_abi() -> int:
    """Return the kernel's Landlock version, or 0 where it has none or it is switched off."""
    return int(max(0, _libc.syscall(SYS_CREATE_RULESET, None, 0, CREATE_RULESET_VERSION)))


def restrict(
    read: Iterable[Path],
    write: Iterable[Path],
    devices: Iterable[Path],
    abi: int,
    may_bind: bool,
    may_connect: bool = False,
) -> None:
    """Leave only: `read` below these paths, `write` and read below those, and open and drive these `devices`.

    Paths that do not exist are skipped. Never allowed: to execute a file. From version 4 on TCP is forbidden:
    connections unless `may_connect`, listening unless `may_bind`. Raises OSError when the kernel refuses.
    """
    handled = _find_handled(abi)
    ruleset = _create_ruleset(handled, abi, (0 if may_bind else NET_BIND) | (0 if may_connect else NET_CONNECT))
    try:
        for path in read:
            _allow(ruleset, path, READ_FILE | READ_DIR)
        for path in write:
            _allow(ruleset, path, handled & ~EXECUTE)
        for path in devices:
            _allow(ruleset, path, (READ_FILE | WRITE_FILE | READ_DIR | IOCTL_DEV) & handled)
        forbid_new_privileges()
        _check(_libc.syscall(SYS_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)


def forbid_new_privileges() -> None:
    """Make set-user-id programs powerless for this process and its children; the kernel asks for that first."""
    _check(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def _find_handled(abi: int) -> int:
    added = {2: REFER, 3: TRUNCATE, 5: IOCTL_DEV}
    return ALL_OF_ABI_1 | sum(right for version, right in added.items() if abi >= version)


def _create_ruleset(handled: int, abi: int, forbidden: int) -> int:
    net = forbidden if abi >= 4 else 0
    scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL if abi >= 6 else 0
    rules = _Ruleset(handled, net, scoped)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8  # what this kernel knows of the structure
    return _check(_libc.syscall(SYS_CREATE_RULESET, ctypes.byref(rules), size, 0))


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        mine = rights if stat.S_ISDIR(os.fstat(place).st_mode) else rights & FILE_RIGHTS
        rule = _PathBeneath(mine, place)
        _check(_libc.syscall(SYS_ADD_RULE, ruleset, RULE_PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(place)


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result

"""Run a command that dies with the supervisor: `python -I -S tether.py PARENT_PID COMMAND …`.

A script of its own, because PR_SET_PDEATHSIG must be set between fork and exec, where a process with threads may run
no Python. The setting survives exec; it is tied to the thread that forked, which is the supervisor's main thread.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2)


def main(parent: int, command: list[str]) -> None:
    """Become `command`; end at once when the parent is gone already."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the supervisor is gone")
    os.execvp(command[0], command)  # noqa: S606 -- no shell, on purpose


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])

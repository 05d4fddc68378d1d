"""One process: start it tethered to this one, end it kindly or not, and tell it from a stranger with its pid."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

TETHER = Path(__file__).with_name("tether.py")


async def start_process(command: Sequence[str], environ: Mapping[str, str], log: Path) -> asyncio.subprocess.Process:
    """Start `command` in a session of its own, stdout and stderr appended to `log`. Call it on the main thread."""
    with open_log(log) as output:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), *command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environ),
            start_new_session=True,
        )


@contextlib.contextmanager
def open_log(path: Path) -> Iterator[int]:
    """Open a log for appending, readable by the owner alone."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


async def stop_process(process: asyncio.subprocess.Process, seconds: float) -> None:
    """End a process: SIGTERM, `seconds` to drain, then SIGKILL to its whole session."""
    if process.returncode is None:
        send_signal(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)
    kill_group(process.pid)
    await process.wait()


def send_signal(pid: int, number: int) -> None:
    """Send a signal; a process that is gone is fine."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_group(leader: int) -> None:
    """Kill every process that is left of a group; none left is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def find_start_ticks(pid: int) -> int:
    """Return when a process started (clock ticks since boot: field 22 of /proc/PID/stat), or 0 when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    fields = text.rpartition(")")[2].split()  # the name in parentheses may hold anything
    return 0 if fields[0] in "ZX" else int(fields[19])

"""A folder to unpack into, made before the lock and removed by a process that outlives it.

A locked process may empty the folder but not remove it: that would need rights on the folder around it.
"""

import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "airgate-unpacked-"


def make_room() -> Path:
    """Return a new folder that is gone soon after this process, however it ends. Call it while there is one thread.

    The first process of a container takes all others with it: its folder is removed by the next one's start.
    """
    if os.getpid() == 1:
        for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    waits, held = os.pipe()  # `held` is closed by the kernel when this process ends
    if not os.fork():
        _sweep(folder, waits, held)
    os.close(waits)
    return folder


def _sweep(folder: Path, waits: int, held: int) -> None:
    """Wait for the other end of the pipe to close, then remove the folder and end."""
    try:
        os.close(held)
        os.setsid()  # a terminal's Ctrl-C is for the other process
        for number in (0, 1, 2):
            os.close(number)
        os.read(waits, 1)
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os._exit(0)

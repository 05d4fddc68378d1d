"""The tests that need wheels of gigabytes, which `make test` leaves out.

Models of PyTorch beside PyTorch itself, and a trial whose serving runtime has TensorFlow.
"""

import re
import subprocess
import sys
import time
from typing import Any

COUNT = re.compile(r"(\d+) (passed|failed|error)")


def run() -> dict[str, Any]:
    """Return how many tests passed and in how many seconds. Raises CalledProcessError when one failed."""
    began = time.monotonic()
    command = [
        sys.executable,
        "-m",
        "pytest",
        "tests/serving",
        "tests/trial",
        "--large",
        "-m",
        "large",
        "-o",
        "addopts=",
        "--forbid-skips",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout[-5000:])
    done.check_returncode()
    counts = {name: int(number) for number, name in COUNT.findall(done.stdout)}
    return {**counts, "seconds": round(time.monotonic() - began)}

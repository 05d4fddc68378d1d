"""A virtual environment for peers, outside the repository, keyed by their lock."""

import hashlib
import subprocess
import sys
from pathlib import Path

LOCK = Path("locks/peers.txt")
CACHE = Path.home() / ".cache" / "airgate-tests" / "peers"


def make_environment() -> Path:
    """Return the folder of the peers' commands; make it when its lock is new."""
    folder = CACHE / hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    if not (folder / "done").exists():
        subprocess.run([sys.executable, "-m", "uv", "venv", "-q", "--clear", str(folder)], check=True)
        python = ["--python", str(folder / "bin/python")]
        subprocess.run(
            [sys.executable, "-m", "uv", "pip", "install", "-q", *python, "--require-hashes", "-r", str(LOCK)],
            check=True,
        )
        (folder / "done").touch()
    return folder / "bin"

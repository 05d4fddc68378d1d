"""Virtual environments of other people's programs, outside the repository, each keyed by its lock.

`python -m tests.kit.environment NAME …` makes them ahead of the tests.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

LOCKS = Path(__file__).parents[2] / "locks"
CACHE = Path.home() / ".cache" / "airgate-tests"


def make_environment(name: str) -> Path:
    """Return the folder of the commands of locks/NAME.txt; make it when the lock is new.

    A lock names everything, so nothing that it leaves out is installed for a package that wants it.
    """
    lock = LOCKS / f"{name}.txt"
    folder = CACHE / name / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    if not (folder / "done").exists():
        run_uv("venv", "--clear", str(folder))
        run_uv("pip", "install", "--python", f"{folder}/bin/python", "--no-deps", "--require-hashes", "-r", str(lock))
        (folder / "done").touch()
    return folder / "bin"


def run_uv(*arguments: str) -> None:
    """Run uv. Raises CalledProcessError."""
    subprocess.run([sys.executable, "-m", "uv", "-q", *arguments], check=True)


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        make_environment(wanted)

"""Runs other programs and says in one sentence what went wrong."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

LIMIT_S = 1200

# The program that a recipe calls, and the Debian or Ubuntu package that has it.
PACKAGES = {
    "ssh-keygen": "openssh-client",
    "podman": "podman",
    "runc": "runc",
    "mmdebstrap": "mmdebstrap",
    "mksquashfs": "squashfs-tools",
    "nft": "nftables",
    "nsenter": "util-linux",
}


class CommandFailed(Exception):
    """A program ended with an error; the message has its command line and the end of what it said."""


class ToolMissing(Exception):
    """A program that cannot be installed from here is missing; the message says how to get it."""


def run(
    *argv: str | Path,
    source: bytes | Path = b"",
    limit_s: float = LIMIT_S,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run argv to its end and return it with its output as text.

    `source` is its standard input, as bytes or as a file; `env` is added to this process's environment. Raises
    CommandFailed on a non-zero exit (unless check=False) or when limit_s is over.
    """
    line = [str(part) for part in argv]
    surroundings = {**os.environ, **(env or {})}
    with _open_input(source) as stdin:
        try:
            done = subprocess.run(line, stdin=stdin, capture_output=True, timeout=limit_s, cwd=cwd, env=surroundings)
        except subprocess.TimeoutExpired as late:
            raise CommandFailed(f"{' '.join(line)} did not end within {limit_s:.0f} s") from late
    result = subprocess.CompletedProcess(line, done.returncode, _text(done.stdout), _text(done.stderr))
    if check and result.returncode:
        said = (result.stderr.strip() or result.stdout.strip())[-2000:]
        raise CommandFailed(f"{' '.join(line)} ended with {result.returncode}: {said}")
    return result


@contextmanager
def _open_input(source: bytes | Path) -> Iterator[IO[bytes]]:
    """A file, and no pipe: a program that never reads its input cannot block us."""
    if isinstance(source, Path):
        with source.open("rb") as handle:
            yield handle
        return
    with tempfile.TemporaryFile() as handle:
        handle.write(source)
        handle.seek(0)
        yield handle


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def ensure_tools(*names: str) -> None:
    """Install what is missing of `names` when this is root on Debian or Ubuntu; else say the line that would.

    Raises ToolMissing. `go` is never installed: distributions ship one that is too old.
    """
    missing = [name for name in names if shutil.which(name) is None]
    if "go" in missing:
        raise ToolMissing("The program `go` (1.26.4 or newer) is missing: install Go and put it on the PATH.")
    if not missing:
        return
    packages = sorted({PACKAGES[name] for name in missing})
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise ToolMissing(f"Programs are missing: sudo apt-get install --no-install-recommends {' '.join(packages)}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", "-qq", env=quiet)
    run("apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages, env=quiet)

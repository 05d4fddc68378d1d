"""What the machine that runs the playbooks on the site needs: Ansible as wheels, and this repository as an archive.

    ansible/requirements.txt   the lock, written last: a folder of wheels without it is not whole
    ansible/wheels/            for each Python that the release names
    ansible/airgate.tar.gz     the repository as committed
playbooks/README.md says how they are used there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

FOLDER = "ansible"
REQUIREMENTS, ARCHIVE, WHEELS = f"{FOLDER}/requirements.txt", f"{FOLDER}/airgate.tar.gz", f"{FOLDER}/wheels"
MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
GLIBC = range(34, 16, -1)  # minor versions of the oldest C library that a wheel may ask for, newest first
ALWAYS = ("-q", "--disable-pip-version-check", "--no-deps", "--require-hashes", "--only-binary=:all:")


class SiteToolsRefused(Exception):
    """One sentence: what could not be put into the bundle, and what to do."""


def is_whole(bundle: Path, lock: Path) -> bool:
    """Say whether the bundle's wheels are those of the lock."""
    kept = bundle / REQUIREMENTS
    return kept.is_file() and kept.read_bytes() == lock.read_bytes()


def fetch_wheels(bundle: Path, lock: Path, pythons: list[str], platform: str) -> None:
    """Fill the bundle's folder of wheels, each checked against its hash in the lock; raise SiteToolsRefused."""
    shutil.rmtree(bundle / WHEELS, ignore_errors=True)
    for python in pythons:
        call(plan_download(python, platform, lock, bundle / WHEELS), "Ansible's wheels cannot be fetched")
    shutil.copyfile(lock, bundle / REQUIREMENTS)


def plan_download(python: str, platform: str, lock: Path, target: Path) -> list[str]:
    """Return the command that fetches the wheels for one Python, such as 3.11; raise SiteToolsRefused."""
    if platform not in MACHINES:
        raise SiteToolsRefused(f"There are no wheels for {platform}; leave `ansible` out of inventory/release.yml.")
    machine, abi = MACHINES[platform], "cp" + python.replace(".", "")
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC] + [f"manylinux2014_{machine}", "any"]
    kinds = [f"--python-version={python}", "--implementation=cp", *(f"--abi={one}" for one in (abi, "abi3", "none"))]
    kinds += [f"--platform={one}" for one in platforms]
    return [sys.executable, "-m", "pip", "download", *ALWAYS, *kinds, "-r", str(lock), "-d", str(target)]


def pack_repository(base: Path) -> bytes:
    """Return an archive of the repository as it is committed; the same commit gives the same bytes."""
    return call(["git", "-C", str(base), "archive", "--format=tar.gz", "--prefix=airgate/", "HEAD"], "No archive")


def call(command: list[str], trouble: str) -> bytes:
    """Run a program and return what it prints; raise SiteToolsRefused with its last words."""
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["nothing"])[-1]
        raise SiteToolsRefused(f"{trouble}: {Path(command[0]).name} says {last}; mend that, and run the build again.")
    return done.stdout


def apply_tools(bundle: Path, base: Path, wish: dict[str, Any], platform: str, check: bool) -> bool:
    """Bring the bundle's folder to what the release wishes; return whether anything changed. No wish: no folder.

    wish: lock (a path) and pythons (versions such as 3.11) of the release's `ansible`. check: only look.
    """
    if not wish:
        return remove(bundle / FOLDER, check)
    lock = base / wish["lock"]
    stale = not is_whole(bundle, lock)
    if stale and not check:
        (bundle / FOLDER).mkdir(parents=True, exist_ok=True)
        fetch_wheels(bundle, lock, [str(one) for one in wish["pythons"]], platform)
    packed, archive = pack_repository(base), bundle / ARCHIVE
    other = not archive.is_file() or archive.read_bytes() != packed
    if other and not check:
        archive.write_bytes(packed)
    return stale or other


def remove(folder: Path, check: bool) -> bool:
    """Remove a folder that no release wishes for; return whether it was there."""
    there = folder.exists()
    if there and not check:
        shutil.rmtree(folder)
    return there

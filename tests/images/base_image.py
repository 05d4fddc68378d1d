"""The base that the tests build on: a Debian 12 root file system with Python 3.11, since no registry can be reached.

Made once by mmdebstrap, kept outside the repository under a name that says what is in it.
"""

import hashlib
import os
import subprocess
from pathlib import Path

SUITE = "bookworm"
PACKAGES = ("python3", "ca-certificates", "libseccomp2", "libgomp1", "media-types")
CACHE = Path.home() / ".cache/airgate-tests"
SOURCE_DATE_EPOCH = "1767225600"
# The build below gives every file one date, so Python's own bytecode must not go by its source's date.
COMPILE = 'chroot "$1" python3 -m compileall -q -f --invalidation-mode unchecked-hash /usr/lib/python3.11'
DOCKERFILE = "FROM scratch\nADD {tar} /\n"


def find_base_image() -> str:
    """Return the name of the base in podman's store; makes it when it is not there (about two minutes)."""
    key = hashlib.sha256(" ".join((SUITE, *PACKAGES, SOURCE_DATE_EPOCH, COMPILE)).encode()).hexdigest()[:12]
    name = f"localhost/airgate-test-base:{key}"
    if subprocess.run(["podman", "image", "exists", name], check=False).returncode:
        build(make_root(key), name)
    return name


def build(tar: Path, name: str) -> None:
    """Make an image of a root file system; the same one gives the same digest."""
    command = [
        "podman",
        "build",
        "-q",
        "--isolation",
        "chroot",
        "--timestamp",
        SOURCE_DATE_EPOCH,
        "-t",
        name,
        "-f",
        "-",
    ]
    dockerfile = DOCKERFILE.format(tar=tar.name)
    subprocess.run([*command, str(tar.parent)], check=True, capture_output=True, text=True, input=dockerfile)


def make_root(key: str) -> Path:
    """Return the root file system's tar, made when it is not in the cache."""
    tar = CACHE / f"python-root-{key}.tar"
    if not tar.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        fresh = tar.with_suffix(".new.tar")
        options = ["--variant=minbase", f"--include={','.join(PACKAGES)}", f"--customize-hook={COMPILE}"]
        environment = os.environ | {"SOURCE_DATE_EPOCH": SOURCE_DATE_EPOCH}
        subprocess.run(["mmdebstrap", *options, SUITE, str(fresh)], check=True, capture_output=True, env=environment)
        fresh.rename(tar)
    return tar

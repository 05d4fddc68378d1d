"""Whether this machine can build a release's bundle: which programs, files and key it needs, and what to do for each.

Judged before anything is fetched, and all at once. Only what the release's own sources need is asked for.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.airgate_release import plan_files

OWN = "airgate.local/"  # images that runtime_images/build_images.py makes
BASE = "localhost/airgate-foundation"  # the base that runtime_images/README.md makes
PACKAGES = {
    "ssh-keygen": "openssh-client",
    "snap": "snapd",
    "skopeo": "skopeo",
    "podman": "podman",
    "unsquashfs": "squashfs-tools",
    "git": "git",
}  # program to Debian's and Ubuntu's package


@dataclass(frozen=True)
class Build:
    """What is to be built: the release, the folder that relative sources start from, the key, the snap's images."""

    release: dict[str, Any]
    base: Path
    private_key: str
    reads_snap: bool  # whether the images of MicroK8s' own pods are read from its snap


def judge_build(build: Build, find: Callable[[str], str | None] = shutil.which) -> list[str]:
    """Return what is missing, each in one sentence with what to do; empty when the build can begin.

    find: where a program is, or None.
    """
    found = [*judge_programs(build, find), *judge_images(build), *judge_files(build), *judge_site_tools(build)]
    return [*found, *judge_key(build.private_key)]


def judge_programs(build: Build, find: Callable[[str], str | None]) -> Iterator[str]:
    """Yield the programs that are not there."""
    for program, purpose in find_programs(build).items():
        if not find(program):
            yield f"{program} is missing, which {purpose}; install the package {PACKAGES[program]}."


def find_programs(build: Build) -> dict[str, str]:
    """Return the programs that the release's sources need, and for what."""
    release = build.release
    images = [image.get("from", {}) for image in release.get("images", [])]
    snaps = release.get("snaps", [])
    needed = {"ssh-keygen": "signs the bundle"}
    needed |= {"snap": "downloads snaps"} if any("store" in snap.get("from", {}) for snap in snaps) else {}
    needed |= {"skopeo": "copies images"} if images else {}
    needed |= {"podman": "saves images of its store"} if any("store" in source for source in images) else {}
    if build.reads_snap and "microk8s" in [snap["name"] for snap in snaps]:
        needed |= {"skopeo": "copies images", "unsquashfs": "reads which images MicroK8s needs from its snap"}
    return needed | ({"git": "packs this repository"} if release.get("ansible") else {})


def judge_images(build: Build) -> Iterator[str]:
    """Yield the images whose archive is not there; those that this repository makes in one sentence."""
    files = {image["name"]: image.get("from", {}).get("file") for image in build.release.get("images", [])}
    missing = {name: file for name, file in files.items() if file and not is_archive(build.base, str(file))}
    own = [str(file) for name, file in missing.items() if name.startswith(OWN)]
    if own:
        yield (
            f"Of Airgate's own images {', '.join(own)} {'is' if len(own) == 1 else 'are'} not there; make them with: "
            f"python3 runtime_images/build_images.py --base {BASE}, which "
            "runtime_images/README.md makes; or correct their sources in inventory/release.yml."
        )
    for name, file in missing.items():
        if not name.startswith(OWN):
            yield f"{file} of image {name} is not there; make it, or correct its source in inventory/release.yml."


def is_archive(base: Path, file: str) -> bool:
    """Say whether an archive is there; `file` may carry a reference after a colon, as skopeo takes it."""
    return (base / file).is_file() or (base / file.partition(":")[0]).is_file()


def judge_files(build: Build) -> Iterator[str]:
    """Yield the plain files and the folders of charts that are not there."""
    files = list(plan_files(build.release, build.base).values())
    folders = [chart["from"]["folder"] for chart in build.release.get("charts", []) if "folder" in chart["from"]]
    for path in [*files, *(build.base / folder / "Chart.yaml" for folder in folders)]:
        if not path.is_file():
            yield f"{path} is not there; make it, or correct its source in inventory/release.yml."


def judge_site_tools(build: Build) -> Iterator[str]:
    """Yield what is missing for Ansible and this repository to travel with the bundle."""
    if not build.release.get("ansible"):
        return
    if not (build.base / build.release["ansible"]["lock"]).is_file():
        yield f"{build.release['ansible']['lock']} is not there; correct ansible.lock in inventory/release.yml."
    if not (build.base / ".git").exists():
        yield f"{build.base} is no git checkout, so it cannot be packed; build from a clone of the repository."
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        yield f"{sys.executable} has no pip, which downloads Ansible; install it: {sys.executable} -m ensurepip."


def judge_key(key: str) -> Iterator[str]:
    """Yield what is wrong with the private key. A .pub file stands for a key that ssh-agent holds."""
    if not key:
        yield (
            "airgate_bundle_private_key is not set; make a key with: ssh-keygen -t ed25519 -N '' -f sender, then add: "
            "-e airgate_bundle_private_key=sender."
        )
    elif not Path(key).is_file():
        yield (
            f"The private key {key} is not there; make it with: ssh-keygen -t ed25519 -N '' -f {key}, and bring "
            f"{key}.pub to the sites by another way than the bundle."
        )
    elif not key.endswith(".pub") and not opens(key):
        yield (
            f"The private key {key} cannot be used: it is no private key, or has a passphrase, which nobody types "
            f"here; load it with ssh-add and name {key}.pub, or name another one."
        )


def opens(key: str) -> bool:
    """Say whether ssh-keygen reads the key without being told anything; True where there is no ssh-keygen."""
    try:
        asked = ["ssh-keygen", "-y", "-P", "", "-f", key]
        return subprocess.run(asked, capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode == 0
    except FileNotFoundError:
        return True

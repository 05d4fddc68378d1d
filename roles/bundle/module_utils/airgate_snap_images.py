"""The images that MicroK8s' own pods run (network, names, volumes, metrics, pause), as its very snap names them.

The published lists of a MicroK8s version have been wrong; the snap has the manifests that are applied. Not every
manifest names its image outright, so what cannot be read must be among the release's own images.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

FILES = re.compile(
    r"(^|/)(containerd-template\.toml|calico\.yaml|(dns|hostpath-storage|metrics-server)(\.yaml|/[^/]+\.yaml))$"
)  # the snap's files that say which images the network and the addons of roles/addons run
REFERENCE = re.compile(
    r"""(?:\bimage:\s*|\bsandbox(?:_image)?\s*=\s*|_IMAGE["']?\s+value:\s*)["']?"""
    r"([a-z0-9][a-z0-9._/-]*(?::\d+/[a-z0-9._/-]+)?:[A-Za-z0-9_][\w.-]*(?:@sha256:[0-9a-f]{64})?)"
)
CALICO = ("calico/cni", "calico/node", "calico/kube-controllers")
NEEDED = ("pause", "coredns", "provisioner")  # how the image of every cluster's sandbox, names and volumes ends


class SnapUnreadable(Exception):
    """unsquashfs could not read the snap; its last words."""


@dataclass(frozen=True)
class Own:
    """What a snap says of its images. calico: whether it brings Calico as its network."""

    images: tuple[str, ...] = ()  # full names, sorted
    calico: bool = True


def read_snap(snap: Path, scratch: Path) -> Own:
    """Return the images that the snap's manifests name; raise SnapUnreadable. scratch: for temporary files."""
    listed = [line.partition("/")[2] for line in unsquash("-l", str(snap)).splitlines()]
    wanted = [path for path in listed if FILES.search(path)]
    calico = any(path.endswith("calico.yaml") for path in wanted)
    if not wanted:
        return Own((), calico)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        unsquash("-q", "-n", "-no-xattrs", "-d", f"{folder}/snap", str(snap), *wanted)
        texts = [(Path(folder, "snap") / path).read_text(encoding="utf-8") for path in wanted]
    return Own(tuple(sorted({name for text in texts for name in find_images(text)})), calico)


def unsquash(*arguments: str) -> str:
    """Return what unsquashfs prints; raise SnapUnreadable with its reason."""
    done = subprocess.run(["unsquashfs", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SnapUnreadable((done.stderr.strip().splitlines() or ["nothing"])[-1])
    return done.stdout


def find_images(text: str) -> set[str]:
    """Return the full names of the images in a manifest or in containerd's settings; a variable names none."""
    return {full_name(found) for found in REFERENCE.findall(text)}


def full_name(name: str) -> str:
    """Return an image's name as containerd has it: busybox:1 is docker.io/library/busybox:1."""
    host, slash, _ = name.partition("/")
    if not slash:
        return f"docker.io/library/{name}"
    return name if "." in host or ":" in host or host == "localhost" else f"docker.io/{name}"


def plan_images(own: Own, listed: list[str]) -> list[str]:
    """Return the snap's images that the release does not list yet."""
    known = {full_name(name) for name in listed}
    return [name for name in own.images if name not in known]


def judge_images(own: Own, listed: list[str]) -> str:
    """Return which images neither the snap names nor the release lists, joined by commas; empty when all are known."""
    repositories = [name.partition("@")[0].rpartition(":")[0] or name for name in (*own.images, *listed)]
    needed = (*NEEDED, *(CALICO if own.calico else ()))
    return ", ".join(end for end in needed if not any(one.endswith(end) for one in repositories))

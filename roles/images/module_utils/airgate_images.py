"""Images of the bundle in a node's containerd: which are missing, how one is imported, whether it is what was locked.

An image is imported out of the bundle's OCI layout as a small archive of its own, written while containerd reads it,
under two names: the one with the tag, and the one with the digest, by which charts ask for it.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

NAME = "io.containerd.image.name"  # annotation from which containerd takes a name as it stands
PIN = "io.cri-containerd.pinned=pinned"  # the kubelet's garbage collection spares an image with this label
LAYOUT = b'{"imageLayoutVersion": "1.0.0"}'


class ImagesRefused(Exception):
    """One sentence: which image the node does not have as locked, and what to do."""


@dataclass(frozen=True)
class Image:
    """One image of the release."""

    name: str  # airgate.local/webapp:0.1.0
    digest: str  # sha256:…

    @property
    def names(self) -> tuple[str, str]:
        """The names that it has on a node: by tag and by digest."""
        head, slash, last = self.name.rpartition("/")
        return self.name, f"{head}{slash}{last.partition(':')[0]}@{self.digest}"


@dataclass(frozen=True)
class Held:
    """One name in containerd."""

    digest: str
    pinned: bool


def read_held(listing: str) -> dict[str, Held]:
    """Return what `ctr image ls` printed: name to digest and pin."""
    rows = [line.split() for line in listing.splitlines()[1:]]
    return {row[0]: Held(row[2], PIN in row[-1].split(",")) for row in rows if len(row) > 3}


def read_whole(listing: str) -> set[str]:
    """Return the names that `ctr image check` calls complete."""
    return {line.split()[0] for line in listing.splitlines()[1:] if " complete " in line}


def plan_imports(images: list[Image], held: dict[str, Held], whole: set[str]) -> list[Image]:
    """Return the images that have to be imported: not there, of another digest, or with a layer missing."""
    return [
        image
        for image in images
        if any(name not in held or held[name].digest != image.digest or name not in whole for name in image.names)
    ]


def plan_pins(images: list[Image], held: dict[str, Held]) -> list[str]:
    """Return the names that have yet to be pinned."""
    return [name for image in images for name in image.names if name not in held or not held[name].pinned]


def check_images(images: list[Image], held: dict[str, Held], whole: set[str]) -> None:
    """Raise ImagesRefused at the first image that containerd does not hold whole, pinned and as locked."""
    for image in images:
        for name in image.names:
            found = held.get(name)
            if found is None or found.digest != image.digest:
                is_there = f"is {found.digest}" if found else "is not there"
                raise ImagesRefused(f"After the import {name} {is_there} where {image.digest} is locked; run again.")
            if name not in whole or not found.pinned:
                raise ImagesRefused(f"After the import {name} is not whole and pinned; run again.")


def find_descriptor(layout: Path, image: Image) -> dict[str, Any]:
    """Return an image's descriptor in the bundle; raise ImagesRefused when it is not there."""
    index = json.loads((layout / "index.json").read_text(encoding="utf-8"))
    for descriptor in index["manifests"]:
        if descriptor["digest"] == image.digest and descriptor["annotations"][NAME] == image.name:
            return descriptor
    raise ImagesRefused(f"The bundle has no {image.name} of {image.digest}; build it again.")


def list_blobs(layout: Path, digest: str) -> list[Path]:
    """Return an image's manifest, configuration and layers as files, each once."""
    manifest = layout / "blobs" / digest.replace(":", "/")
    content = json.loads(manifest.read_text(encoding="utf-8"))
    digests = [digest, content["config"]["digest"], *(layer["digest"] for layer in content["layers"])]
    return [layout / "blobs" / one.replace(":", "/") for one in dict.fromkeys(digests)]


def write_archive(layout: Path, image: Image, target: IO[bytes]) -> None:
    """Write one image as an OCI archive with both of its names; nothing is held in memory but one block."""
    descriptor = find_descriptor(layout, image)
    named = [{**descriptor, "annotations": {NAME: name}} for name in image.names]
    index = json.dumps({"schemaVersion": 2, "manifests": named}).encode()
    with tarfile.open(fileobj=target, mode="w|") as archive:
        for name, content in (("oci-layout", LAYOUT), ("index.json", index)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        for blob in list_blobs(layout, image.digest):
            archive.add(blob, blob.relative_to(layout).as_posix())


def import_image(layout: Path, image: Image, ctr: list[str], platform: str) -> None:
    """Stream one image into containerd; raise ImagesRefused with containerd's own words."""
    command = [*ctr, "image", "import", "--platform", platform, "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        with contextlib.suppress(BrokenPipeError):  # containerd ended early: its words below say why
            write_archive(layout, image, process.stdin)
        words = process.communicate()[0].decode(errors="replace")
    if process.returncode != 0:
        raise ImagesRefused(f"containerd does not take {image.name}: {' '.join(words.split())[-400:]}.")

"""The bundle's images: one OCI layout whose blobs are shared, filled by skopeo from wherever an image comes.

    registry  a reference; the platform picks one image of several
    store     a name in this machine's podman store
    file      an OCI archive, `PATH` or `PATH:REFERENCE`
An image keeps the digest it has in the layout for good: what the cluster runs is named by that digest.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAME = "io.containerd.image.name"  # annotation from which containerd takes an image's name as it stands
LAYOUT = {"imageLayoutVersion": "1.0.0"}


class ImageRefused(Exception):
    """One sentence: which image could not be put into the bundle, and what to do."""


@dataclass(frozen=True)
class Wanted:
    """One image of a release: its full name in the cluster, where it comes from, and the digest it must have."""

    name: str
    kind: str  # registry | store | file
    source: str
    platform: str  # such as linux/amd64
    digest: str | None = None


@dataclass(frozen=True)
class Tools:
    """What the copy may use: a folder for big temporary files, and credentials for a registry."""

    scratch: str
    authfile: str | None = None


def read_index(layout: Path) -> list[dict[str, Any]]:
    """Return the descriptors of the images in the layout; none when there is no layout yet."""
    index = layout / "index.json"
    return json.loads(index.read_text(encoding="utf-8"))["manifests"] if index.exists() else []


def write_index(layout: Path, descriptors: list[dict[str, Any]]) -> None:
    """Write the layout's two fixed files; the same images give the same bytes."""
    layout.mkdir(parents=True, exist_ok=True)
    ordered = sorted(descriptors, key=lambda one: one["annotations"][NAME])
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": ordered}
    (layout / "oci-layout").write_text(json.dumps(LAYOUT), encoding="utf-8")
    (layout / "index.json").write_text(json.dumps(index, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def is_held(layout: Path, wanted: Wanted) -> bool:
    """Say whether the layout already holds the image at the digest that the release asks for, whole."""
    for one in read_index(layout):
        if one["annotations"][NAME] == wanted.name and one["digest"] == wanted.digest:
            return all((layout / blob_path(digest)).exists() for digest in list_blobs(layout, wanted.digest))
    return False


def add_image(layout: Path, wanted: Wanted, tools: Tools) -> bool:
    """Put the image into the layout; return whether the layout changed. Raise ImageRefused on a wrong digest."""
    descriptor = fetch_image(layout, wanted, tools)
    if wanted.digest and descriptor["digest"] != wanted.digest:
        raise ImageRefused(
            f"{wanted.name} from {wanted.source} has digest {descriptor['digest']} where the release says "
            f"{wanted.digest}; get the tested image, or write the new digest into inventory/release.yml."
        )
    before = read_index(layout)
    after = [one for one in before if one["annotations"][NAME] != wanted.name] + [descriptor]
    write_index(layout, after)
    return descriptor not in before


def fetch_image(layout: Path, wanted: Wanted, tools: Tools) -> dict[str, Any]:
    """Copy the image's blobs into the layout and return its descriptor."""
    system, _, machine = wanted.platform.partition("/")
    with tempfile.TemporaryDirectory(dir=tools.scratch) as scratch:
        source = locate_source(wanted, Path(scratch))
        blobs = layout / "blobs"
        blobs.mkdir(parents=True, exist_ok=True)
        command = ["skopeo", "--override-os", system, "--override-arch", machine, "copy", "--quiet"]
        command += ["--src-authfile", tools.authfile] if tools.authfile and wanted.kind == "registry" else []
        run([*command, "--dest-shared-blob-dir", str(blobs), source, f"oci:{scratch}/one:image"], wanted)
        found = read_index(Path(scratch, "one"))[0]
    descriptor = {key: found[key] for key in ("mediaType", "digest", "size")}
    platform = {"os": system, "architecture": machine}
    return {**descriptor, "platform": platform, "annotations": {NAME: wanted.name}}


def locate_source(wanted: Wanted, scratch: Path) -> str:
    """Return the source as skopeo spells it; an image of the podman store is saved as an archive first."""
    if wanted.kind == "registry":
        return f"docker://{wanted.source}"
    if wanted.kind == "file":
        return f"oci-archive:{wanted.source}"
    archive = scratch / "image.tar"
    run(["podman", "save", "--quiet", "--format", "oci-archive", "-o", str(archive), wanted.source], wanted)
    return f"oci-archive:{archive}"


def run(command: list[str], wanted: Wanted) -> None:
    """Run a tool; raise ImageRefused with its last words."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        words = read_reason(done.stderr)
        raise ImageRefused(
            f"{wanted.name} cannot be read from {wanted.kind} {wanted.source}: {command[0]} says {words}; "
            "correct its source in inventory/release.yml, or make the image there."
        )


def read_reason(complaint: str) -> str:
    """Return what a tool gives as its reason: the message of its last line, without time and level."""
    last = (complaint.strip().splitlines() or ["nothing"])[-1]
    found = re.search(r'msg="(.*)"$', last)
    return (found.group(1) if found else last).replace('\\"', "'")


def keep_only(layout: Path, names: set[str]) -> None:
    """Remove every image with another name, and every blob that no image needs."""
    kept = [one for one in read_index(layout) if one["annotations"][NAME] in names]
    write_index(layout, kept)
    needed = {blob_path(digest) for one in kept for digest in list_blobs(layout, one["digest"])}
    for blob in (layout / "blobs").rglob("*"):
        if blob.is_file() and blob.relative_to(layout).as_posix() not in needed:
            blob.unlink()


def list_blobs(layout: Path, digest: str) -> list[str]:
    """Return the digests of an image's manifest, configuration and layers; the manifest alone when it is not there."""
    manifest = layout / blob_path(digest)
    if not manifest.exists():
        return [digest]
    content = json.loads(manifest.read_text(encoding="utf-8"))
    return [digest, content["config"]["digest"], *(layer["digest"] for layer in content["layers"])]


def blob_path(digest: str) -> str:
    """Return where a blob lies in the layout."""
    return "blobs/" + digest.replace(":", "/")

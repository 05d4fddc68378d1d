"""Writes an OCI archive of one layer: the same files give the same digests, whenever and wherever."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LAYER = "application/vnd.oci.image.layer.v1.tar"
CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True, slots=True)
class Image:
    """What an image is made of: files by their path inside it, links, and what it runs."""

    reference: str
    files: Mapping[str, Path]
    entrypoint: Sequence[str]
    links: Mapping[str, str] = field(default_factory=dict)
    user: str = "65532:65532"


def write_archive(image: Image, target: Path) -> str:
    """Write the OCI archive of an image and return its manifest's digest, sha256:…"""
    layer = _pack_layer(image)
    config = _encode(_describe_config(image, layer))
    manifest = _encode(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _describe_blob(CONFIG, config),
            "layers": [_describe_blob(LAYER, layer)],
        }
    )
    index = {"schemaVersion": 2, "manifests": [_describe_blob(MANIFEST, manifest) | _name(image.reference)]}
    with tarfile.open(target, "w") as archive:
        _add(archive, "oci-layout", _encode({"imageLayoutVersion": "1.0.0"}))
        _add(archive, "index.json", _encode(index))
        for blob in (layer, config, manifest):
            _add(archive, f"blobs/{_digest(blob).replace(':', '/')}", blob)
    return _digest(manifest)


def _pack_layer(image: Image) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as layer:
        _add_folder(layer, "tmp", 0o1777)
        parents = {str(parent) for name in (*image.files, *image.links) for parent in Path(name).parents}
        for folder in sorted(parents - {"."}):
            _add_folder(layer, folder, 0o755)
        for name, source in sorted(image.files.items()):
            _add(layer, name, source.read_bytes(), 0o755)
        for name, target in sorted(image.links.items()):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            layer.addfile(link)
    return packed.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _add_folder(archive: tarfile.TarFile, name: str, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    archive.addfile(entry)


def _describe_config(image: Image, layer: bytes) -> dict[str, Any]:
    runs = {"User": image.user, "Entrypoint": list(image.entrypoint), "Env": ["PATH=/bin:/usr/bin"]}
    return {
        "architecture": "amd64",
        "os": "linux",
        "config": runs,
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }


def _describe_blob(kind: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": kind, "digest": _digest(blob), "size": len(blob)}


def _name(reference: str) -> dict[str, Any]:
    tag = reference.rpartition(":")[2]
    return {
        "annotations": {"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": tag},
        "platform": {"architecture": "amd64", "os": "linux"},
    }


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _encode(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True).encode()

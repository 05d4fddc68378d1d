"""A real OCI image of one layer with one file, a few hundred bytes in all."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path


def write_layout(folder: Path, words: str) -> str:
    """Write an OCI layout with one image whose /words holds `words`; return the image's digest."""
    plain = make_layer(words)
    layer = gzip.compress(plain, mtime=0)
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Cmd": ["/words"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(plain).hexdigest()]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": add(folder, "config.v1+json", json.dumps(config).encode()),
        "layers": [add(folder, "layer.v1.tar+gzip", layer)],
    }
    descriptor = add(folder, "manifest.v1+json", json.dumps(manifest).encode())
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [descriptor]}))
    return descriptor["digest"]


def make_layer(words: str) -> bytes:
    """Return a layer's tar with the file /words."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        entry = tarfile.TarInfo("words")
        entry.size = len(words)
        tar.addfile(entry, io.BytesIO(words.encode()))
    return plain.getvalue()


def add(folder: Path, kind: str, content: bytes) -> dict[str, object]:
    """Write a blob and return its descriptor."""
    digest = hashlib.sha256(content).hexdigest()
    blob = folder / "blobs" / "sha256" / digest
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(content)
    media = "image.layer.v1.tar+gzip" if kind.startswith("layer") else f"image.{kind}"
    return {"mediaType": f"application/vnd.oci.{media}", "digest": f"sha256:{digest}", "size": len(content)}

"""A registry of one image, read from an OCI layout, that wants a name and a password. Speaks what skopeo asks for."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kit import small_server

USER, PASSWORD = "site", "secret"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@contextmanager
def serve(layout: Path) -> Iterator[str]:
    """Serve the image of a layout as HOST:PORT/small:1 while the block runs; yield HOST:PORT."""

    class Registry(small_server.Handler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") != "Basic " + encode():
                self.answer(401, b"", **{"www-authenticate": 'Basic realm="site"'})
            elif "/manifests/" in self.path or "/blobs/" in self.path:
                content, headers = find_content(layout, self.path)
                self.answer(200, content, **headers)
            else:
                self.answer(200, {})

        do_HEAD = do_GET

    with small_server.serve(Registry) as port:
        yield f"127.0.0.1:{port}"


def find_content(layout: Path, path: str) -> tuple[bytes, dict[str, str]]:
    """Return what is asked for and its headers."""
    wanted = path.rpartition("/")[2]
    if "/manifests/" in path and not wanted.startswith("sha256:"):
        wanted = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    kind = MANIFEST if "/manifests/" in path else "application/octet-stream"
    headers = {"content-type": kind, "docker-content-digest": wanted}
    return (layout / "blobs" / wanted.replace(":", "/")).read_bytes(), headers


def encode() -> str:
    """Return the credentials as HTTP has them."""
    return base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def write_authfile(path: Path, host: str) -> Path:
    """Write what `skopeo login` would have written."""
    path.write_text(json.dumps({"auths": {host: {"auth": encode()}}}))
    return path

"""A registry of one image, read from an OCI layout, that wants a name and a password. Speaks what skopeo asks for."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

USER, PASSWORD = "site", "secret"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@contextmanager
def serve(layout: Path) -> Iterator[str]:
    """Serve the image of a layout as HOST:PORT/small:1 while the block runs; yield HOST:PORT."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") != "Basic " + encode():
                self.answer(401, b"", {"WWW-Authenticate": 'Basic realm="site"'})
            elif "/manifests/" in self.path or "/blobs/" in self.path:
                self.answer(200, *find_content(layout, self.path))
            else:
                self.answer(200, b"{}", {})

        do_HEAD = do_GET

        def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def find_content(layout: Path, path: str) -> tuple[bytes, dict[str, str]]:
    """Return what is asked for and its headers."""
    wanted = path.rpartition("/")[2]
    if "/manifests/" in path and not wanted.startswith("sha256:"):
        wanted = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    kind = MANIFEST if "/manifests/" in path else "application/octet-stream"
    headers = {"Content-Type": kind, "Docker-Content-Digest": wanted}
    return (layout / "blobs" / wanted.replace(":", "/")).read_bytes(), headers


def encode() -> str:
    """Return the credentials as HTTP has them."""
    return base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def write_authfile(path: Path, host: str) -> Path:
    """Write what `skopeo login` would have written."""
    path.write_text(json.dumps({"auths": {host: {"auth": encode()}}}))
    return path

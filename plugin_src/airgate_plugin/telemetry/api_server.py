"""A request to the cluster's API server with the pod's own token, by the standard library: the client costs 40 MB."""

import http.client
import json
import ssl
from pathlib import Path
from typing import Any

ANSWER_SECONDS = 5.0
MOST_BYTES = 1 << 20
TOKEN, AUTHORITY = "token", "ca.crt"  # in the folder that Kubernetes mounts for a service account


class ApiServer:
    """One API server. `folder` holds the token, which is read anew each time because it rotates, and the authority."""

    def __init__(self, url: str, folder: Path) -> None:
        """Take `https://HOST:PORT`; nothing is opened or read yet."""
        self._host, _, self._port = url.removeprefix("https://").rpartition(":")
        self._folder = folder

    def send(self, method: str, path: str, body: object, kind: str = "application/json") -> tuple[int, dict[str, Any]]:
        """Return status and JSON of an answer. Raises OSError, HTTPException or ValueError where none comes."""
        token = (self._folder / TOKEN).read_text().strip()
        trust = ssl.create_default_context(cafile=str(self._folder / AUTHORITY))
        host = self._host.strip("[]")
        link = http.client.HTTPSConnection(host, int(self._port), timeout=ANSWER_SECONDS, context=trust)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": kind, "Accept": "application/json"}
        try:
            link.request(method, path, json.dumps(body), headers)
            answer = link.getresponse()
            said = json.loads(answer.read(MOST_BYTES))
            return answer.status, said if isinstance(said, dict) else {}
        finally:
            link.close()

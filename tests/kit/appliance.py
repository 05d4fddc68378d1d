"""A customer's hands: the public API of a running appliance, at whatever address it answers."""

import time
from collections.abc import Callable
from typing import Any

import httpx

WAIT_S = 90.0


class Appliance:
    """Signed in as one person. Raises AssertionError with the appliance's own sentence when it refuses."""

    def __init__(self, url: str, user: str, password: str) -> None:
        """Sign in at `url`; a self-signed certificate is taken as it is."""
        self.url = url
        self.http = httpx.Client(base_url=url, verify=False, trust_env=False, timeout=60)
        self.http.headers["authorization"] = (
            f"Bearer {self.send('POST', '/session', {'name': user, 'password': password})['token']}"
        )

    def send(self, verb: str, path: str, body: Any = None, **more: Any) -> Any:
        """Call the API and return its JSON, or None without any."""
        answer = (
            self.http.request(verb, "/api/v2" + path, json=body, **more)
            if body is not None
            else self.http.request(verb, "/api/v2" + path, **more)
        )
        assert answer.is_success, f"{verb} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def upload(self, route: str, name: str, filename: str, content: bytes) -> Any:
        """Publish a model and return its version."""
        fields = {"name": name, "filename": filename}
        return self.send("POST", f"/projects/{route}/models", params=fields, content=content)

    def deploy(self, route: str, name: str, **wish: Any) -> Any:
        """Make a deployment and return it as it is at once."""
        return self.send("POST", f"/projects/{route}/deployments", {"name": name, **wish})

    def change(self, route: str, name: str, **wish: Any) -> Any:
        """Replace a deployment's wish and return it as it is at once."""
        return self.send("PUT", f"/projects/{route}/deployments/{name}", wish)

    def find_deployment(self, route: str, name: str) -> Any:
        """Return a deployment as it is now."""
        return self.send("GET", f"/projects/{route}/deployments/{name}")

    def wait_for(self, route: str, name: str, ready: Callable[[Any], bool], seconds: float = WAIT_S) -> Any:
        """Return a deployment once `ready` of it is true."""
        deadline = time.monotonic() + seconds
        while not ready(found := self.find_deployment(route, name)):
            assert time.monotonic() < deadline, f"{route}/{name} after {seconds} s: {found}"
            time.sleep(0.1)
        return found

    def wait_until_ready(self, route: str, name: str) -> Any:
        """Return a deployment once it is Ready."""
        return self.wait_for(route, name, lambda found: found["state"] == "Ready")

    def make_token(self, route: str, name: str) -> str:
        """Return a new token of a deployment."""
        return str(self.send("POST", f"/projects/{route}/deployments/{name}/tokens", {"note": "test"})["token"])

    def remove_deployment(self, route: str, name: str) -> None:
        """Remove a deployment."""
        self.send("DELETE", f"/projects/{route}/deployments/{name}")

    def predict(self, route: str, name: str, token: str, body: Any, function: str = "predict") -> httpx.Response:
        """Call a deployment through the gateway, as a program of the customer's would: without a session."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        address = f"{self.url}/api/v1/svc/{route}/{name}/{function}"
        return httpx.post(address, json=body, headers=headers, verify=False, trust_env=False, timeout=30)

    def keep_dataset(self, route: str, name: str, filename: str, content: bytes) -> Any:
        """Keep a data set and return it."""
        fields = {"name": name, "filename": filename}
        return self.send("POST", f"/projects/{route}/datasets", params=fields, content=content)

    def start_job(self, route: str, **wish: Any) -> int:
        """Start a job and return its number."""
        return int(self.send("POST", f"/projects/{route}/jobs", wish)["number"])

    def wait_for_job(self, route: str, number: int, ready: Callable[[Any], bool], seconds: float = WAIT_S) -> Any:
        """Return a job once `ready` of it is true."""
        deadline = time.monotonic() + seconds
        while not ready(found := self.send("GET", f"/projects/{route}/jobs/{number}")):
            assert time.monotonic() < deadline, f"{route}/job-{number} after {seconds} s: {found}"
            time.sleep(0.1)
        return found

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

"""Asks the appliance, through its own front door, whether it is ready."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from airgate_kit.clock import Clock
from airgate_trial.errors import TrialError

LOOK_EVERY_S = 0.1
CALL_S = 60.0


@dataclass(frozen=True, slots=True)
class Door:
    """The gateway's address on loopback, and the appliance's internal token."""

    port: int
    internal_token: str = field(repr=False)

    def open(self, token: str = "") -> httpx.Client:
        """Return a client that carries `token`; it reads no proxy settings."""
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"authorization": f"Bearer {token or self.internal_token}"},
            timeout=CALL_S,
            trust_env=False,
        )


def wait_until_ready(door: Door, clock: Clock, seconds: float) -> None:
    """Return when gateway, webapp, tester and every wanted deployment answer; TrialError naming what does not."""
    deadline = clock.monotonic() + seconds
    with door.open() as client:
        while waiting := find_waiting(client):
            if clock.monotonic() > deadline:
                raise TrialError("not_ready", f"Not ready after {seconds:g} s: {waiting}.", "Look: make trial-logs")
            clock.sleep(LOOK_EVERY_S)


def find_waiting(client: httpx.Client) -> str:
    """Return what is not ready yet, or ""."""
    try:
        answer = client.get("/internal/ready")
    except httpx.HTTPError:
        return "the gateway does not answer"
    if answer.status_code != httpx.codes.OK:
        return "the webapp does not answer"
    body: dict[str, Any] = answer.json()
    return ", ".join(body["waiting"])

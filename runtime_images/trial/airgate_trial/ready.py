"""Asks the appliance whether it is ready: the webapp on its socket, and the gateway at its door."""

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from airgate_kit.clock import Clock
from airgate_trial.errors import TrialError

LOOK_EVERY_S = 0.1
CALL_S = 60.0
FAILING_S = 8.0  # a process that ends whenever it is started, for so long, will not come up


@dataclass(frozen=True, slots=True)
class Door:
    """The gateway's port on loopback, the webapp's socket, and the appliance's internal token."""

    port: int
    web: Path
    internal_token: str = field(repr=False)

    def open(self, token: str = "") -> httpx.Client:
        """Return a client for the gateway that carries `token`, if any; it reads no proxy settings."""
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"authorization": f"Bearer {token}"} if token else {},
            timeout=CALL_S,
            trust_env=False,
        )

    def open_back(self) -> httpx.Client:
        """Return a client for the webapp's own socket, with the internal token."""
        return httpx.Client(
            base_url="http://web",
            headers={"authorization": f"Bearer {self.internal_token}"},
            transport=httpx.HTTPTransport(uds=str(self.web)),
            timeout=CALL_S,
        )


def wait_until_ready(
    door: Door, since: datetime.datetime, clock: Clock, seconds: float, find_failing: Callable[[], str]
) -> None:
    """Return when gateway, webapp, tester and every wanted deployment answer; TrialError naming what does not.

    since: when the processes were started; what was known before counts for nothing. find_failing: returns what a
    process that has just ended said last, or "".
    """
    began = healthy = clock.monotonic()
    with door.open() as gateway, door.open_back() as web:
        while waiting := find_waiting(gateway, web, since):
            now, failing = clock.monotonic(), find_failing()
            healthy = healthy if failing else now
            if now - healthy > FAILING_S:
                raise TrialError("does_not_start", failing, "Mend that and start again; make trial-logs shows more.")
            if now - began > seconds:
                raise TrialError("not_ready", f"Not ready after {seconds:g} s: {waiting}.", "Look: make trial-logs")
            clock.sleep(LOOK_EVERY_S)


def find_waiting(gateway: httpx.Client, web: httpx.Client, since: datetime.datetime) -> str:
    """Return what is not ready yet, or ""."""
    back = ask(web, "/internal/ready", {"since": since.isoformat()})
    if back is None or back.status_code != httpx.codes.OK:
        return "the webapp does not answer"
    # Nobody is signed in: the API's own refusal is the cheapest proof that it is reached through the gateway.
    front = ask(gateway, "/api/v2/session")
    reached = front is not None and front.status_code == httpx.codes.UNAUTHORIZED
    return ", ".join(back.json()["waiting"]) or ("" if reached else "the gateway does not answer")


def ask(client: httpx.Client, path: str, query: Mapping[str, str] | None = None) -> httpx.Response | None:
    """Return the answer at `path`, or None when nobody gives one."""
    try:
        return client.get(path, params=query)
    except httpx.HTTPError:
        return None

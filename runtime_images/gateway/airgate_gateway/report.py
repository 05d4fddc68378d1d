"""Tells the webapp whom Envoy reaches: when that changes, and now and then that it has not.

Envoy is looked at often only while something is awaited: a file that it has not taken, a host that is not well yet.
An Envoy that does not take its files is told of them again, and nothing is reported of it meanwhile: the webapp then
says since when it has heard nothing, instead of what is true no more.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from airgate_gateway.admin import Sight, look, open_admin
from airgate_gateway.files import nudge
from airgate_kit import logs
from airgate_kit.clock import Clock

PATH = "/internal/gateway"
FAST_S, IDLE_S = 0.1, 2.0  # between two looks at Envoy: the shortest pause, and the longest
SHARE = 20  # a look comes after this part of the time that something has been awaited: a slow model costs few
CALM = 10  # and after so many times what the last look took, so that many deployments keep no core busy
HEARTBEAT_S = 10.0  # between two reports that say the same
RETRY_S = 1.0  # after a report that did not arrive
TAKE_S = 5.0  # Envoy takes files within a moment; one that has not after this long may have missed them

log = logs.get("airgate_gateway.report")


@dataclass(frozen=True, slots=True)
class Expected:
    """What the agent has written. digest: of the snapshot. versions: by the statistic, as Sight has them."""

    digest: str
    versions: Mapping[str, str]
    clusters: frozenset[str]  # of the deployments that have an address: "http/OWNER", and "grpc/OWNER" where it is one


class Reporter:
    """Lives on a thread of its own beside the agent's loop, which tells it what it has written (`expect`)."""

    def __init__(self, name: str, folder: Path, token_file: Path, clock: Clock) -> None:
        """Know nothing yet: as long as Envoy has not taken the first files, there is nothing to report.

        folder: of the files.
        """
        self._name, self._folder, self._token_file, self._clock = name, folder, token_file, clock
        self._expected: Expected | None = None
        self._written = threading.Event()
        self._awaited: object = None
        self._since = 0.0
        self._report: dict[str, Any] | None = None
        self._sent: dict[str, Any] | None = None
        self._again = 0.0  # when the next report is due though it says the same, or the last one did not arrive
        self._nudged = 0.0  # when Envoy was last told again of what it has not taken

    def expect(self, expected: Expected) -> None:
        """Take note of what was written, and look at once."""
        if expected != self._expected:
            self._expected = expected
            self._written.set()

    def run(self, web: httpx.Client, stop: threading.Event) -> None:
        """Look and report until `stop` is set. web: a client of this thread's own."""
        with open_admin(self._folder) as admin:
            while not stop.is_set():
                self._written.clear()
                pause = self.follow(admin)
                if self.is_due():
                    self.send(web)
                self._written.wait(pause)

    def follow(self, admin: httpx.Client) -> float:
        """Look at Envoy once, keep what there is to report, and return the seconds until the next look."""
        expected, began = self._expected, self._clock.monotonic()
        if expected is None:
            return FAST_S
        sight = look(admin)
        if sight is None or not has_taken(sight, expected):
            pause = self.choose_pause((expected.digest, False, frozenset()), began)
            self.press(expected, sight)
            return pause
        reached = find_reached(sight, expected)
        self._report = {"gateway": self._name, "snapshot": expected.digest, "reached": reached}
        return self.choose_pause((expected.digest, True, find_awaited(sight, expected)), began)

    def press(self, expected: Expected, sight: Sight | None) -> None:
        """Once Envoy has had its time: report nothing of it, and tell it again and again what it has to take."""
        now = self._clock.monotonic()
        if now - self._since < TAKE_S:
            return
        self._report = None
        if now - self._nudged < TAKE_S:
            return
        self._nudged = now
        nudge(self._folder)
        has = {name: sight.versions.get(name, "") for name in expected.versions} if sight else "no answer"
        fields = {"snapshot": expected.digest[:12], "has": has, "wanted": dict(expected.versions)}
        log.warning("Envoy does not take its routes; told it again", extra={"fields": fields})

    def choose_pause(self, awaited: tuple[str, bool, frozenset[str]], began: float) -> float:
        """Return the seconds until the next look. awaited: digest, whether it was taken, and who is not reached."""
        now = self._clock.monotonic()
        if awaited != self._awaited:
            self._awaited, self._since = awaited, now
        if awaited[1] and not awaited[2]:
            return IDLE_S
        return min(max(FAST_S, (now - self._since) / SHARE, (now - began) * CALM), IDLE_S)

    def is_due(self) -> bool:
        """Say whether there is something to report: what was not said before, or nothing for too long."""
        overdue = self._clock.monotonic() >= self._again
        return self._report is not None and (overdue or (self._sent is not None and self._report != self._sent))

    def send(self, web: httpx.Client) -> None:
        """Send the report; one that does not arrive is due again a moment later."""
        try:
            headers = {"authorization": f"Bearer {self._token_file.read_text().strip()}"}
            web.post(PATH, json=self._report, headers=headers).raise_for_status()
        except (httpx.HTTPError, OSError) as error:
            log.debug("a report did not arrive", extra={"fields": {"error": str(error)}})
            self._sent, self._again = None, self._clock.monotonic() + RETRY_S
            return
        self._sent, self._again = self._report, self._clock.monotonic() + HEARTBEAT_S


def has_taken(sight: Sight, expected: Expected) -> bool:
    """Say whether Envoy works by the files as they were written last."""
    return not sight.warming and all(sight.versions.get(name) == text for name, text in expected.versions.items())


def find_reached(sight: Sight, expected: Expected) -> dict[str, list[str]]:
    """Return by deployment the hosts that requests go to; none when one of its doors has none."""
    ready = {name for name in expected.clusters if sight.well.get(name)}
    owners = sorted(name.removeprefix("http/") for name in ready if name.startswith("http/"))
    shut = {name.partition("/")[2] for name in expected.clusters - ready}
    return {owner: sorted(sight.well[f"http/{owner}"]) for owner in owners if owner not in shut}


def find_awaited(sight: Sight, expected: Expected) -> frozenset[str]:
    """Return the clusters of deployments that have an address and no host that is well, or one that is not yet."""
    return frozenset(name for name in expected.clusters if sight.ill.get(name) or not sight.well.get(name))

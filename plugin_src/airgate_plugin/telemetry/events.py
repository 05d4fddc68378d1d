"""Writes events on the Node when devices fall ill or get well: what `kubectl describe node` shows.

Level in, edges out: the health that was told is compared with the latest. A change that could not be told is told
later, or not at all when it is over by then, so nothing piles up while the API server is away.
"""

import http.client
import logging
import threading
from typing import Any

from airgate_kit.clock import Clock
from airgate_plugin.inventory import Inventory
from airgate_plugin.model import DeviceId, Snapshot
from airgate_plugin.policy.news import News, find_news
from airgate_plugin.telemetry.api_server import ApiServer

log = logging.getLogger("airgate_plugin.events")

EVENTS = "/api/v1/namespaces/default/events"  # where events of things without a namespace belong
COMPONENT = "airgate-device-plugin"
MERGE = "application/merge-patch+json"
IDLE_SECONDS = 60.0
RETRY_SECONDS = 5.0
STOP_SECONDS = 6.0
REMEMBERED_MOST = 64  # events that a repetition counts up
NOT_FOUND = 404
REASONS = {True: ("Normal", "DeviceHealthy"), False: ("Warning", "DeviceUnhealthy")}


class Refused(Exception):
    """The API server did not take an event; its own words."""


class NodeEvents:
    """Tells one Node's story. `api` None: nobody is told."""

    def __init__(
        self, api: ApiServer | None, node: str, inventory: Inventory, clock: Clock, retry: float = RETRY_SECONDS
    ) -> None:
        """Prepare; nothing is told before `start`. `node` is its name in the cluster, `retry` in seconds."""
        self._api = api
        self._node = node
        self._inventory = inventory
        self._clock = clock
        self._retry = retry
        self._told: dict[DeviceId, bool] = {}
        self._sent: dict[str, tuple[str, int]] = {}  # sentence -> the event's name, and how often it was so
        self._complaint = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        """Start to tell."""
        if self._api and self._node:
            self._thread.start()

    def stop(self) -> None:
        """Stop; can be repeated."""
        self._over.set()
        self._inventory.wake()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        snapshot = self._inventory.find_latest()
        while not self._over.is_set():
            if self._tell(snapshot):
                snapshot = self._inventory.wait_newer(snapshot.number, IDLE_SECONDS, self._over.is_set)
            else:
                self._over.wait(self._retry)
                snapshot = self._inventory.find_latest()

    def _tell(self, snapshot: Snapshot) -> bool:
        """Tell what is new; return False, and say once why, where the API server does not take it."""
        try:
            devices = [
                device for device in snapshot.devices if device.id not in snapshot.barred
            ]  # meant, and soon over
            for news in find_news(self._told, devices):
                self._send(news)
                self._told.update(dict.fromkeys(news.devices, news.healthy))
        except (OSError, http.client.HTTPException, ValueError, Refused) as why:
            self._complain(str(why) or type(why).__name__)
            return False
        self._complain("")
        return True

    def _send(self, news: News) -> None:
        """Write an event, or count the same one up. Raises Refused, or what ApiServer.send raises."""
        now = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        name, count = self._sent.pop(news.sentence, ("", 0))
        if not name or not self._ask("PATCH", f"{EVENTS}/{name}", {"count": count + 1, "lastTimestamp": now}, MERGE):
            name, count = str(self._ask("POST", EVENTS, write_event(self._node, news, now))["metadata"]["name"]), 0
        self._sent[news.sentence] = name, count + 1
        if len(self._sent) > REMEMBERED_MOST:
            del self._sent[next(iter(self._sent))]

    def _ask(self, method: str, path: str, body: object, kind: str = "application/json") -> dict[str, Any]:
        """Return the object that came of it; {} where an event to count up has been forgotten by the API server."""
        assert self._api is not None
        status, said = self._api.send(method, path, body, kind)
        if method == "PATCH" and status == NOT_FOUND:
            return {}
        if status >= 300:
            raise Refused(f"the API server answers {status}: {said.get('message', 'without a reason')}")
        return said

    def _complain(self, why: str) -> None:
        """Log a complaint once, not at every try."""
        if why and why != self._complaint:
            log.warning("the Node's events cannot be written", extra={"fields": {"why": why}})
        self._complaint = why


def write_event(node: str, news: News, now: str) -> dict[str, Any]:
    """Return a core/v1 Event about a Node, as the kubelet writes its own: the Node's name stands for its uid."""
    kind, reason = REASONS[news.healthy]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{node}.", "namespace": "default"},
        "involvedObject": {"apiVersion": "v1", "kind": "Node", "name": node, "uid": node},
        "type": kind,
        "reason": reason,
        "message": news.sentence,
        "source": {"component": COMPONENT, "host": node},
        "reportingComponent": COMPONENT,
        "reportingInstance": node,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }

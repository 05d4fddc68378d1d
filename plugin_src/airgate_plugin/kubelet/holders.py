"""Asks the kubelet who holds which device, through its Pod Resources socket: once in a while, and when health changed.

The plugin works without it: where the socket is not there, no holder is known, and the log says so once.
"""

import logging
import threading
from pathlib import Path

import grpc

from airgate_kit.clock import Clock
from airgate_plugin.inventory import Inventory
from airgate_plugin.kubelet import convert
from airgate_plugin.model import DeviceId, Holdings, Snapshot
from airgate_plugin.policy.holdings import follow_holdings
from airgate_protocols import podresources_pb2 as pb
from airgate_protocols import podresources_pb2_grpc as rpc

log = logging.getLogger("airgate_plugin.holders")

CALL_SECONDS = 5.0
RETRY_SECONDS = 2.0  # after an answer that did not come
STOP_SECONDS = 6.0


class Holders:
    """Keeps the holdings true. `socket` None: nobody is asked."""

    def __init__(self, socket: Path | None, period: float, inventory: Inventory, clock: Clock) -> None:
        """Prepare; nothing is asked before `start`. `period` is in seconds."""
        self._socket = socket
        self._period = period
        self._inventory = inventory
        self._clock = clock
        self._holdings = Holdings()
        self._complaint = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="holders", daemon=True)

    def start(self) -> None:
        """Start to ask."""
        if self._socket:
            self._thread.start()

    def stop(self) -> None:
        """Stop; can be repeated."""
        self._over.set()
        self._inventory.wake()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def find(self) -> Holdings:
        """Return who holds what, as of the last answer."""
        return self._holdings

    def _run(self) -> None:
        with grpc.insecure_channel(f"unix:{self._socket}", options=convert.CHANNEL_OPTIONS) as channel:
            stub = rpc.PodResourcesListerStub(channel)
            while not self._over.is_set():
                before = self._inventory.find_latest()
                answered = self._ask(stub)
                self._wait(before, self._period if answered else min(self._period, RETRY_SECONDS))

    def _wait(self, latest: Snapshot, seconds: float) -> None:
        """Wait so long, or until a device's health is another: then it matters at once who holds it."""
        end = self._clock.monotonic() + seconds
        health = _find_health(latest)
        while (left := end - self._clock.monotonic()) > 0 and not self._over.is_set():
            latest = self._inventory.wait_newer(latest.number, left, self._over.is_set)
            if _find_health(latest) != health:
                return

    def _ask(self, stub: rpc.PodResourcesListerStub) -> bool:
        """Ask once; an answer that does not come (False) leaves everything as it was."""
        if self._socket is None or not self._socket.exists():
            self._complain(f"{self._socket} is not there")
            return False
        try:
            held = convert.read_holders(stub.List(pb.ListPodResourcesRequest(), timeout=CALL_SECONDS))
        except grpc.RpcError as why:
            self._complain(convert.explain_failure(why))
            return False
        self._complain("")
        before = self._holdings
        self._holdings = follow_holdings(before, held, self._inventory.find_latest().devices)
        if self._holdings.busy > before.busy:
            log.warning(
                "a device is busy though its pod is gone", extra={"fields": {"devices": sorted(before.unchecked)}}
            )
        return True

    def _complain(self, why: str) -> None:
        """Log a complaint once, not at every round."""
        if why and why != self._complaint:
            log.warning("who holds what is not known", extra={"fields": {"why": why}})
        self._complaint = why


def _find_health(snapshot: Snapshot) -> dict[DeviceId, bool]:
    return {device.id: device.health.healthy for device in snapshot.devices}

"""Asks the kubelet who holds which device, through its Pod Resources socket: once in a while, and when health changed.

The plugin works without it: where the socket is not there, no holder is known, and the log says so once.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import grpc

from airgate_kit.clock import Clock
from airgate_plugin.inventory import Inventory
from airgate_plugin.kubelet import convert
from airgate_plugin.kubelet.resetter import Resetter
from airgate_plugin.model import Device, DeviceId, Holder, Holdings, Snapshot
from airgate_plugin.policy.holdings import find_due, follow_holdings
from airgate_plugin.policy.resets import Resets
from airgate_protocols import podresources_pb2 as pb
from airgate_protocols import podresources_pb2_grpc as rpc

log = logging.getLogger("airgate_plugin.holders")

CALL_SECONDS = 5.0
RETRY_SECONDS = 2.0  # after an answer that did not come, then twice as long each time, up to the period
RESETS_SECONDS = 2.0  # between two questions, at most, where devices are reset between pods
STOP_SECONDS = 6.0


class Holders:
    """Keeps the holdings true. `socket` None: nobody is asked."""

    def __init__(
        self,
        socket: Path | None,
        period: float,
        inventory: Inventory,
        clock: Clock,
        read_channels: Callable[[Device], Sequence[int]] = lambda _: (),
        resetter: Resetter | None = None,
    ) -> None:
        """Prepare; nothing is asked before `start`. `period` is in seconds.

        `read_channels` returns the states of a SoC's channels, () where nobody tells; `resetter` resets between pods,
        for which it must hear often who holds what.
        """
        self._socket = socket
        self._period = min(period, RESETS_SECONDS) if resetter else period
        self._resetter = resetter
        self._inventory = inventory
        self._clock = clock
        self._read_channels = read_channels
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

    def find_resets(self) -> Resets:
        """Return what is and was reset."""
        return self._resetter.find() if self._resetter else Resets()

    def find(self) -> Holdings:
        """Return who holds what, as of the last answer."""
        return self._holdings

    def _run(self) -> None:
        with grpc.insecure_channel(f"unix:{self._socket}", options=convert.CHANNEL_OPTIONS) as channel:
            stub, retry = rpc.PodResourcesListerStub(channel), RETRY_SECONDS
            while not self._over.is_set():
                before = self._inventory.find_latest()
                answered = self._ask(stub)
                if self._resetter and not answered:
                    self._resetter.pause()
                self._wait(before, self._period if answered else min(self._period, retry))
                retry = RETRY_SECONDS if answered else 2 * retry

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
        self._follow(held)
        return True

    def _follow(self, held: Mapping[str, Holder]) -> None:
        """Work out what became of the devices that were let go, and let everybody know which are still busy."""
        before, devices = self._holdings, self._inventory.find_latest().devices
        due = find_due(before, held, devices)
        states: dict[str, Sequence[int]] = {device.id: self._read_channels(device) for device in due}
        self._holdings = follow_holdings(before, held, devices, states)
        self._inventory.note_leftover(self._holdings.leftover)
        if self._resetter:
            self._resetter.follow(before.held, self._holdings.held)
        if found := sorted(self._holdings.leftover - before.leftover):
            log.warning("a device is busy though its pod is gone", extra={"fields": {"devices": found}})
        if over := sorted(before.leftover - self._holdings.leftover):
            log.info("a device is idle again, or another pod's", extra={"fields": {"devices": over}})

    def _complain(self, why: str) -> None:
        """Log a complaint once, not at every round."""
        if why and why != self._complaint:
            log.warning("who holds what is not known", extra={"fields": {"why": why}})
        self._complaint = why


def ask_once(socket: Path | None) -> dict[str, Holder] | None:
    """Return who holds which device, of any plugin; None where nobody can be asked."""
    try:
        if socket is None or not socket.exists():
            return None
        with grpc.insecure_channel(f"unix:{socket}", options=convert.CHANNEL_OPTIONS) as channel:
            stub = rpc.PodResourcesListerStub(channel)
            return convert.read_holders(stub.List(pb.ListPodResourcesRequest(), timeout=CALL_SECONDS))
    except (OSError, grpc.RpcError):
        return None


def _find_health(snapshot: Snapshot) -> dict[DeviceId, bool]:
    return {device.id: device.health.healthy for device in snapshot.devices}

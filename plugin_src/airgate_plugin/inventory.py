"""The only thing that changes: the latest snapshot and its number. Everyone else asks, or waits for the next."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

from airgate_plugin.model import Device, Snapshot


class Inventory:
    """Keeps the latest snapshot; every subscriber sees every change, because each waits for "newer than mine"."""

    def __init__(self) -> None:
        """Start with snapshot 0: nothing seen, nobody has looked."""
        self._changed = threading.Condition()
        self._snapshot = Snapshot(0)

    def find_latest(self) -> Snapshot:
        """Return the latest snapshot."""
        with self._changed:
            return self._snapshot

    def publish(
        self, devices: tuple[Device, ...], troubles: Mapping[str, str], qaic_gid: int | None, looked: bool
    ) -> Snapshot:
        """Make this the latest snapshot and wake all who wait; nothing happens where nothing changed."""
        with self._changed:
            same = replace(self._snapshot, devices=devices, troubles=dict(troubles), qaic_gid=qaic_gid, looked=looked)
            return self._renew(same)

    def note_leftover(self, ids: frozenset[str]) -> Snapshot:
        """Keep on which devices a workload sits whose pod is gone."""
        with self._changed:
            return self._renew(replace(self._snapshot, leftover=ids))

    def note_barred(self, ids: frozenset[str]) -> Snapshot:
        """Keep which devices nobody is granted; from this moment on Allocate refuses them."""
        with self._changed:
            return self._renew(replace(self._snapshot, barred=ids))

    def _renew(self, snapshot: Snapshot) -> Snapshot:
        """Give the snapshot the next number where it says anything new; under the lock."""
        if snapshot != self._snapshot:
            self._snapshot = replace(snapshot, number=self._snapshot.number + 1)
            self._changed.notify_all()
        return self._snapshot

    def wait_newer(self, number: int, timeout: float, is_over: Callable[[], bool] = lambda: False) -> Snapshot:
        """Wait for a snapshot newer than `number`, at most `timeout` seconds; return the latest either way.

        `is_over` is asked at each `wake`: True ends the wait at once.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._snapshot.number > number or is_over(), timeout)
            return self._snapshot

    def wake(self) -> None:
        """Let all who wait ask their `is_over`."""
        with self._changed:
            self._changed.notify_all()

"""Resets SoCs between pods, where the operator asked for it: follows each answer of Pod Resources, bars, and writes."""

import logging
from collections.abc import Callable, Mapping, Sequence

from airgate_kit.clock import Clock
from airgate_plugin.inventory import Inventory
from airgate_plugin.model import Device, Holder
from airgate_plugin.policy.holdings import find_idleness
from airgate_plugin.policy.resets import Resets, find_due, follow_resets, note_written, pause_resets

log = logging.getLogger("airgate_plugin.resets")


class Resetter:
    """Decides nothing: policy/resets.py does. Used from one thread."""

    def __init__(
        self,
        inventory: Inventory,
        clock: Clock,
        read_channels: Callable[[Device], Sequence[int]],
        write: Callable[[Device], None],
    ) -> None:
        """`write` resets a SoC, or raises OSError."""
        self._inventory = inventory
        self._clock = clock
        self._read_channels = read_channels
        self._write = write
        self._resets = Resets()

    def find(self) -> Resets:
        """Return what waits, what is barred, and the counts."""
        return self._resets

    def follow(self, before: Mapping[str, Holder], held: Mapping[str, Holder]) -> None:
        """Do what follows from one answer: `before` is who held what at the answer before."""
        devices, now = self._inventory.find_latest().devices, self._clock.monotonic()
        released = {each for each in before if each not in held or before[each].pod != held[each].pod}
        busy = self._find_busy(devices) if released or self._resets.waiting else frozenset()
        self._resets = follow_resets(self._resets, released, set(held), devices, busy, now)
        self._inventory.note_barred(frozenset(self._resets.barred))
        self._reset(find_due(self._resets, devices, now), now)

    def pause(self) -> None:
        """Give back what was barred and not reset: the kubelet does not answer, and may not for long."""
        devices, now = self._inventory.find_latest().devices, self._clock.monotonic()
        self._resets = pause_resets(self._resets, devices, now)
        self._inventory.note_barred(frozenset(self._resets.barred))

    def _find_busy(self, devices: Sequence[Device]) -> frozenset[str]:
        words = {each.id: find_idleness(each, self._read_channels(each)) for each in devices}
        return frozenset(each for each, word in words.items() if word == "busy")

    def _reset(self, due: Sequence[Device], now: float) -> None:
        done: list[Device] = []
        failed: list[Device] = []
        for device in due:
            try:
                self._write(device)
                done.append(device)
                log.info("a device was reset", extra={"fields": {"device": device.id, "card": device.card}})
            except OSError as why:
                failed.append(device)
                fields = {"device": device.id, "why": f"{why.filename or ''}: {why.strerror or why}"}
                log.warning("a device could not be reset", extra={"fields": fields})
        self._resets = note_written(self._resets, done, failed, now)

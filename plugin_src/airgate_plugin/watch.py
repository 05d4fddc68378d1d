"""The one loop: look, judge, publish. Every source looks in a thread of its own, so one that hangs holds up nobody.

A source looks once in its period, and as soon as a bell rings for it. The loop wakes when a source saw something new,
and by a period besides, because a grace runs out without any event. Where nothing changes, nothing is worked out.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from airgate_kit.clock import Clock
from airgate_plugin.inventory import Inventory
from airgate_plugin.model import Device, Observation
from airgate_plugin.policy.health import is_pending
from airgate_plugin.policy.merge import Rules, merge_observations
from airgate_plugin.policy.resets import forgive_falls
from airgate_plugin.sources.interface import Bell, Source

log = logging.getLogger("airgate_plugin.watch")

JUDGE_SECONDS = 1.0  # at most this long after a grace has run out the verdict falls
CALM_SECONDS = 5.0  # while no grace runs: for a source that hangs
FIRST_LOOK_SECONDS = 10.0  # a source that has not looked by then is not waited for any longer
STOP_SECONDS = 1.0  # a look that hangs is left behind at the end; its thread is a daemon
DEAD_SECONDS = 30.0  # a loop that has not judged for so long is dead


@dataclass(frozen=True, slots=True)
class Round:
    """A source, the seconds between two looks, and the seconds after which a look is taken for hanging.

    A program that hangs in the kernel cannot even be ended: its last answer must not be believed for ever.
    """

    source: Source
    period: float
    patience: float = 30.0
    rest: float = 0.02  # seconds between two looks, however often a bell rings


class Watch:
    """Keeps the inventory true."""

    def __init__(
        self, rounds: Sequence[Round], inventory: Inventory, rules: Rules, clock: Clock, bells: Sequence[Bell] = ()
    ) -> None:
        """Prepare; nothing runs before `start`. A bell that rings lets every source look; they are ended here."""
        self._rounds = rounds
        self._inventory = inventory
        self._rules = rules
        self._clock = clock
        self._looks: dict[str, tuple[float, Observation]] = {}
        self._awake = threading.Event()
        self._over = threading.Event()
        self._started = clock.monotonic()
        self._judged = self._started
        self._bells = bells
        self._look_now = {each.source.name: threading.Event() for each in rounds}
        self._threads = [_make_thread("judge", self._judge_forever)]
        self._threads += [_make_thread(f"look-{each.source.name}", self._look_forever, each) for each in rounds]
        self._threads += [_make_thread("bell", self._listen_forever, bell) for bell in bells]

    def start(self) -> None:
        """Start to look and to judge."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End the threads; one whose look hangs is left behind."""
        self._over.set()
        self._awake.set()
        self._wake_sources()
        for bell in self._bells:
            bell.end()
        for thread in self._threads:
            thread.join(STOP_SECONDS)

    def is_alive(self) -> bool:
        """Return whether the loop has judged lately."""
        return self._clock.monotonic() - self._judged < DEAD_SECONDS

    def _listen_forever(self, bell: Bell) -> None:
        while bell.wait():
            self._wake_sources()
        bell.close()

    def _wake_sources(self) -> None:
        for event in self._look_now.values():
            event.set()

    def _look_forever(self, each: Round) -> None:
        name = each.source.name
        while not self._over.is_set():
            self._look_now[name].clear()
            self._note(name, self._look(each.source))
            if self._look_now[name].wait(each.period):
                self._over.wait(self._looks[name][0] + each.rest - self._clock.monotonic())

    def _note(self, name: str, observation: Observation) -> None:
        """Keep a look; wake the loop where it says something new."""
        _, before = self._looks.get(name, (0.0, None))
        self._looks[name] = self._clock.monotonic(), observation
        if observation != before:
            self._awake.set()

    def _look(self, source: Source) -> Observation:
        try:
            return source.look()
        except Exception as why:
            log.exception("a source failed", extra={"fields": {"source": source.name}})
            return Observation(source.name, (), f"{source.name} failed: {why}")

    def _judge_forever(self) -> None:
        while not self._over.is_set():
            rang = self._awake.wait(JUDGE_SECONDS if self._is_pending() else CALM_SECONDS)
            self._awake.clear()
            if rang or self._is_pending():
                self.judge()
            self._judged = self._clock.monotonic()

    def _is_pending(self) -> bool:
        """Return whether the passing of time alone may change a verdict."""
        now = self._clock.monotonic()
        snapshot = self._inventory.find_latest()
        stale = (each.source.name not in snapshot.troubles for each in self._rounds if self._is_stale(each, now))
        return not snapshot.looked or any(stale) or any(is_pending(d.find_judged()) for d in snapshot.devices)

    def _is_stale(self, each: Round, now: float) -> bool:
        at, _ = self._looks.get(each.source.name, (self._started, None))
        return now - at > each.period + each.patience

    def judge(self) -> None:
        """Merge the latest looks and publish what follows."""
        now = self._clock.monotonic()
        looked = len(self._looks) == len(self._rounds)
        if looked or now - self._started > FIRST_LOOK_SECONDS:
            looks = [self._find_look(each, now) for each in self._rounds]
            before = self._inventory.find_latest()
            devices = merge_observations(looks, before.devices, self._rules, now)
            devices = forgive_falls(devices, before.devices, before.barred)
            gid = next((look.qaic_gid for look in looks if look.qaic_gid is not None), before.qaic_gid)
            troubles = {look.source: look.trouble for look in looks if look.trouble}
            self._inventory.publish(devices, troubles, gid, looked=True)
            _log_changes(before.devices, devices)
            _log_troubles(before.troubles, troubles)

    def _find_look(self, each: Round, now: float) -> Observation:
        """Return the latest look of a source, or the trouble that there is none or that it is too old."""
        name = each.source.name
        _, observation = self._looks.get(name, (self._started, None))
        if observation is None:
            return Observation(name, (), "has not answered since the start")
        if self._is_stale(each, now):
            return Observation(name, (), f"has not answered for {each.patience:g} s: a look hangs")
        return observation


def _make_thread(name: str, target: Callable[..., None], *arguments: object) -> threading.Thread:
    return threading.Thread(target=target, args=arguments, name=name, daemon=True)


def _log_changes(before: Sequence[Device], after: Sequence[Device]) -> None:
    """Log every device that is new or whose reason changed."""
    known = {device.id: device for device in before}
    for device in after:
        old = known.get(device.id)
        if old and (old.health.healthy, old.health.reason) == (device.health.healthy, device.health.reason):
            continue
        fields = {
            "device": device.id,
            "resource": device.resource,
            "card": device.card,
            "healthy": device.health.healthy,
            "reason": str(device.health.reason),
            "detail": device.health.detail,
        }
        log.info("a device changed" if old else "a device was found", extra={"fields": fields})


def _log_troubles(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    for source, trouble in after.items():
        if before.get(source) != trouble:
            log.warning("a source is in trouble", extra={"fields": {"source": source, "trouble": trouble}})
    for source in before:
        if source not in after:
            log.info("a source works again", extra={"fields": {"source": source}})

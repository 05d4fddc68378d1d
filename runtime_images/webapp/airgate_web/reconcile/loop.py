"""The loop: what wakes it, and how it outlives a store or a cluster that is away."""

import threading
from collections.abc import Callable

from airgate_kit import logs
from airgate_kit.clock import Clock
from airgate_web.ports import Blobs, Cluster, Store
from airgate_web.reconcile.garbage import Garbage
from airgate_web.reconcile.meter import Meter
from airgate_web.reconcile.round import Reconciler

log = logs.get(__name__)
POLL_SECONDS = 0.3  # between two looks at the store's wish number
WAIT_SECONDS = 5.0  # of one long poll at the cluster
PERIOD_SECONDS = 10.0  # a round is made at least so often
PAUSE_SECONDS = 1.0  # after a failed round, and before asking a cluster again that is away


class Loop:
    """Rounds, one after the other, on the thread that calls `run`; two more threads only wake it."""

    def __init__(
        self, store: Store, cluster: Cluster, blobs: Blobs | None, internal_token: str, clock: Clock, meter: Meter
    ) -> None:
        self.store = store
        self.cluster = cluster
        self.meter = meter
        self.clock = clock
        self.reconciler = Reconciler(store, cluster, internal_token, clock, meter)
        self.garbage = Garbage(store, blobs, clock)
        self.wake = threading.Event()
        self.looked = threading.Event()  # set when a round has observed what the cluster's news was about
        self.over = threading.Event()
        self.trouble = ""  # the last failed round's reason, said once

    def run(self) -> None:
        """Reconcile until `stop`; a long poll that is under way then ends by itself, with nobody left to wake."""
        for watch in (self.watch_store, self.watch_cluster):
            threading.Thread(target=watch, daemon=True).start()
        while not self.over.is_set():
            self.wake.clear()
            good = self.run_round()
            self.looked.set()
            pause = self.reconciler.backoff.find_pause(self.clock.monotonic(), PERIOD_SECONDS)
            if good:
                self.wake.wait(pause)
            else:
                self.over.wait(PAUSE_SECONDS)

    def stop(self) -> None:
        """End the loop after the round that runs."""
        self.over.set()
        self.wake.set()
        self.looked.set()

    def run_round(self) -> bool:
        """Make one round; say once what hinders it, and once when that is over. Returns whether it was good."""
        trouble = self.try_to(self.reconciler.run_round) or self.try_to(self.garbage.collect)
        if trouble and trouble != self.trouble:
            log.warning("cannot reconcile, will try again", extra={"fields": {"why": trouble}})
        elif self.trouble and not trouble:
            log.info("reconciling again")
        self.trouble = trouble
        self.meter.count_round(good=not trouble)
        return not trouble

    def try_to(self, work: Callable[[], object]) -> str:
        """Do `work` and return "", or why it failed: a store may raise anything its driver raises."""
        try:
            work()
        except Exception as why:  # noqa: BLE001 -- the loop outlives whatever a port raises
            return f"{type(why).__name__}: {why}"
        return ""

    def watch_store(self) -> None:
        """Wake the loop when a wish has changed."""
        seen = -1
        while not self.over.wait(POLL_SECONDS):
            try:
                number = self.store.find_wish_number()
            except Exception:  # noqa: BLE001, S112 -- the round says it
                continue
            if number != seen:
                seen = number
                self.wake.set()

    def watch_cluster(self) -> None:
        """Wake the loop when the cluster has news, and wait until it has looked."""
        while not self.over.is_set():
            try:
                news = self.cluster.wait(WAIT_SECONDS)
            except Exception:  # noqa: BLE001 -- the round says it
                self.over.wait(PAUSE_SECONDS)
                continue
            if news:
                self.looked.clear()
                self.wake.set()
                self.looked.wait(PERIOD_SECONDS)

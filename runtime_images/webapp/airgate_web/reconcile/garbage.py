"""Model files that nobody names any more."""

from airgate_kit import logs
from airgate_kit.clock import Clock
from airgate_web.ports import Blobs, Store

log = logs.get(__name__)
PERIOD_SECONDS = 600.0
IDLE_SECONDS = 3600.0  # longer than an upload waits for its inspection


class Garbage:
    """Collects now and then. blobs: None where the reconciler cannot see them."""

    def __init__(self, store: Store, blobs: Blobs | None, clock: Clock) -> None:
        self.store = store
        self.blobs = blobs
        self.clock = clock
        self.next = clock.monotonic()

    def collect(self) -> frozenset[str]:
        """Remove blobs that no version and no deployment names, when it is time; return their digests."""
        if self.blobs is None or self.clock.monotonic() < self.next:
            return frozenset()
        self.next = self.clock.monotonic() + PERIOD_SECONDS
        gone = self.blobs.collect(keep=self.store.list_digests(), idle=IDLE_SECONDS)
        if gone:
            log.info("removed model files that nobody names", extra={"fields": {"digests": sorted(gone)}})
        return gone

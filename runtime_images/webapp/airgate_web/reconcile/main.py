"""Run a reconciler until SIGTERM or SIGINT."""

import signal
import threading

from airgate_kit import logs
from airgate_kit.clock import Clock
from airgate_web.ports import Blobs, Cluster, Store
from airgate_web.reconcile.health import serve_health
from airgate_web.reconcile.loop import Loop
from airgate_web.reconcile.meter import Meter

log = logs.get(__name__)
SIGNALS = (signal.SIGTERM, signal.SIGINT)
LOOK_SECONDS = 1.0  # between two looks whether the loop still runs


def run_reconciler(
    store: Store,
    cluster: Cluster,
    blobs: Blobs | None,
    internal_token: str,
    clock: Clock,
    health: tuple[str, int],
) -> None:
    """Reconcile until told to end. health: host and port of the probes; OSError when that port is taken.

    Call it on the main thread, before any other is started: signals are waited for, not handled, because a handler
    may not touch a lock.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    meter = Meter(clock)
    loop = Loop(store, cluster, blobs, internal_token, clock, meter)
    with serve_health(meter, *health) as port:
        log.info("the reconciler is ready", extra={"fields": {"health_port": port}})
        thread = threading.Thread(target=loop.run, name="reconcile", daemon=True)
        thread.start()
        while thread.is_alive() and not signal.sigtimedwait(SIGNALS, LOOK_SECONDS):
            pass
        loop.stop()
        thread.join()
    log.info("the reconciler has ended")

"""Starts the exporter. Call it while there is one thread, and before the process that serves is locked."""

import os
import socket
import uuid
from dataclasses import replace

from airgate_kit import logs
from airgate_kit.clock import Clock
from airgate_serving.traces.collector import Collector
from airgate_serving.traces.counts import Counts
from airgate_serving.traces.pipe import SpanPipe
from airgate_serving.traces.settings import TraceSettings

log = logs.get("airgate_serving.traces")


def start_exporter(settings: TraceSettings, clock: Clock) -> SpanPipe:
    """Return the way to a process that sends spans to the collector. Raises BadConfiguration."""
    for warning in settings.warnings:
        log.warning(warning)
    collector, counts = Collector(settings, clock), Counts()
    here = {"host.name": socket.gethostname(), "service.instance.id": str(uuid.uuid4())}
    described = replace(settings, resource={**here, **settings.resource})
    takes, gives = os.pipe()
    waits, held = os.pipe()  # `held` is closed by the kernel when this process ends
    child = os.fork()
    if not child:
        _become_exporter(takes, waits, described, collector, counts, clock)
    for file in (takes, waits):
        os.close(file)
    return SpanPipe(gives, held, child, counts)


def _become_exporter(
    file: int, waits: int, settings: TraceSettings, collector: Collector, counts: Counts, clock: Clock
) -> None:
    """Send what comes out of `file` until its other end is closed, and end this process; never returns.

    It ends at once when the other end of `waits` is closed.
    """
    try:
        from airgate_serving.traces.exporter import Exporter, seclude

        seclude(file, waits)
        Exporter(file, settings, collector, counts, clock).run()
    except Exception:
        log.exception("the sending of traces ended")
    finally:
        os._exit(0)

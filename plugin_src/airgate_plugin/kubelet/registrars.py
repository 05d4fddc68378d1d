"""One registrar for each resource that has a device, all on one event loop, in a thread of its own.

An event loop sleeps until something comes; a gRPC server with threads wakes five times a second to see whether it is
over, and holds a thread for each open stream.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait

from airgate_plugin.kubelet.registrar import Registrar
from airgate_plugin.model import Registration, Snapshot

log = logging.getLogger("airgate_plugin.kubelet")

STOP_SECONDS = 6.0  # a little more than a server takes at most


class Registrars:
    """Keeps the kubelet told of every resource."""

    def __init__(self, make_registrar: Callable[[str, Snapshot], Registrar]) -> None:
        """Prepare; `make_registrar` makes one for a resource of a snapshot. Nothing runs before `start`."""
        self._make_registrar = make_registrar
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="kubelet", daemon=True)
        self._running: dict[str, tuple[Registrar, Future[None]]] = {}

    def start(self) -> None:
        """Start the loop."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; the kubelet notices at once. The last call."""
        self._end(*self._running)
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_SECONDS)

    def follow(self, snapshot: Snapshot) -> None:
        """Start to serve a resource as soon as it has a device; stop once it has none, for good.

        A GPU that MIG splits otherwise leaves such a resource; the kubelet forgets it five minutes later.
        """
        resources = snapshot.find_resources()
        for resource in resources:
            if resource not in self._running:
                registrar = self._make_registrar(resource, snapshot)
                self._running[resource] = registrar, asyncio.run_coroutine_threadsafe(registrar.run(), self._loop)
        if gone := set(self._running) - set(resources):
            self._end(*gone)
            log.info("resources have no device any more", extra={"fields": {"resources": sorted(gone)}})
        for registrar, _ in self._running.values():
            self._loop.call_soon_threadsafe(registrar.publish)

    def find_dead(self) -> list[str]:
        """Return the resources whose registrar has ended though nobody stopped it."""
        return [resource for resource, (_, run) in list(self._running.items()) if run.done()]

    def read_states(self) -> list[Registration]:
        """Return how each resource stands with the kubelet."""
        return [registrar.read_state() for registrar, _ in list(self._running.values())]

    def _run(self) -> None:
        with asyncio.Runner(
            loop_factory=lambda: self._loop
        ) as runner:  # at its end it cancels what is left, and closes
            runner.get_loop().run_forever()

    def _end(self, *resources: str) -> None:
        """End registrars, all at once, and wait for them; one that hangs is cancelled."""
        ended = [self._running.pop(resource) for resource in resources]
        for registrar, _ in ended:
            self._loop.call_soon_threadsafe(registrar.stop)
        for run in wait([run for _, run in ended], STOP_SECONDS).not_done:
            run.cancel()

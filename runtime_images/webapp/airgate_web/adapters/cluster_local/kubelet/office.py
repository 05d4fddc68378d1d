"""Where replicas ask for cards: waits in turn until enough are free, then has the plugin allocate them."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

import grpc

from airgate_kit import logs
from airgate_kit.clock import Clock
from airgate_web.adapters.cluster_local.kubelet.ledger import Grant, Ledger
from airgate_web.adapters.cluster_local.kubelet.link import PluginLink, Refused
from airgate_web.adapters.cluster_local.kubelet.registration import start_registration

log = logs.get(__name__)
FORGET_SECONDS = 300.0  # a resource whose plugin stays away is removed after five minutes, as by the kubelet


@dataclass(frozen=True, slots=True)
class Claim:
    """One replica's turn in the queue. before: 0 goes ahead of 1 (a replacement before a newcomer)."""

    before: int
    order: int
    replica: str
    resource: str
    count: int
    answer: "asyncio.Future[Grant]"


class CardOffice:
    """Lives on the supervisor's event loop. on_change() is called whenever the ledger has changed."""

    def __init__(self, folder: Path, clock: Clock, on_change: Callable[[], None]) -> None:
        self.folder = folder
        self.clock = clock
        self.on_change = on_change
        self.ledger = Ledger()
        self.links: dict[str, PluginLink] = {}
        self.claims: list[Claim] = []
        self.wake = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()
        self.server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Serve kubelet.sock and begin to grant."""
        self.server = await start_registration(self.folder, self.take_in)
        self.keep(self.grant_forever())

    async def stop(self) -> None:
        """End the server, the links and the granting."""
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for link in self.links.values():
            await link.close()
        if self.server:
            await self.server.stop(0)

    async def claim(self, replica: str, resource: str, count: int, order: int, *, replaces: bool) -> Grant:
        """Wait for `count` cards and return the grant; Refused when the plugin refuses. Cancelling leaves the queue."""
        answer: asyncio.Future[Grant] = asyncio.get_running_loop().create_future()
        claim = Claim(0 if replaces else 1, order, replica, resource, count, answer)
        self.claims.append(claim)
        self.wake.set()
        try:
            return await answer
        finally:
            self.claims.remove(claim)

    def release(self, replica: str) -> None:
        """Take a replica's cards back; it may have none."""
        if self.ledger.grants.pop(replica, None):
            self.changed()

    def changed(self) -> None:
        """Look at the queue again, and say so."""
        self.wake.set()
        self.on_change()

    def keep(self, work: Coroutine[None, None, None]) -> None:
        """Run `work` beside, and hold on to its task until it ends."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    # Plugins come and go

    def take_in(self, resource: str, socket: Path) -> None:
        """Dial a plugin that has just registered; it takes the place of the one before."""
        log.info("a device plugin has registered", extra={"fields": {"resource": resource, "socket": socket.name}})
        before = self.links.get(resource)
        self.links[resource] = PluginLink(resource, socket, self.put_list, self.lose)
        if before:
            self.keep(before.close())

    def put_list(self, resource: str, devices: dict[str, bool]) -> None:
        """Take over a plugin's list."""
        self.ledger.put_devices(resource, devices)
        self.changed()

    def lose(self, link: PluginLink) -> None:
        """Offer nothing of a lost plugin's resource; forget it when it does not come back."""
        if self.links.get(link.resource) is link:
            self.ledger.lose_plugin(link.resource)
            self.keep(self.forget_later(link))
            self.changed()

    async def forget_later(self, link: PluginLink) -> None:
        """Remove the resource unless its plugin has registered again by then."""
        await asyncio.sleep(FORGET_SECONDS)
        if self.links.get(link.resource) is link:
            self.ledger.remove_resource(link.resource)
            self.changed()

    # Granting, one at a time

    async def grant_forever(self) -> None:
        """Serve the queue whenever something has changed."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            for claim in sorted(self.claims, key=lambda claim: (claim.before, claim.order)):
                if not claim.answer.done():
                    await self.serve(claim)

    async def serve(self, claim: Claim) -> None:
        """Grant one claim when enough cards are free."""
        link, free = self.links.get(claim.resource), self.ledger.find_free(claim.resource)
        if link is None or len(free) < claim.count:
            return
        try:
            grant = await link.allocate(await link.choose(free, claim.count), self.clock.now())
        except Refused as why:
            with contextlib.suppress(asyncio.InvalidStateError):
                claim.answer.set_exception(why)
            return
        if not claim.answer.cancelled():
            self.ledger.grants[claim.replica] = grant
            claim.answer.set_result(grant)
            self.on_change()

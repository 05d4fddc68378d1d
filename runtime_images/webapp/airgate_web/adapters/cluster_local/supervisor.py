"""The supervisor: parents every model process and keeps it running, whether or not the webapp is there.

Level-triggered: whenever something changes, `settle` looks at all wishes and all replicas and takes the next steps.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import Coroutine, Iterator
from pathlib import Path

from airgate_kit import logs
from airgate_kit.clock import Clock
from airgate_web.adapters.cluster_local.kubelet.office import CardOffice
from airgate_web.adapters.cluster_local.leftovers import remove_leftovers
from airgate_web.adapters.cluster_local.logfile import read_tail, rotate
from airgate_web.adapters.cluster_local.observe import find_observation
from airgate_web.adapters.cluster_local.places import Options, Places
from airgate_web.adapters.cluster_local.ports import are_free, find_ports
from airgate_web.adapters.cluster_local.probe import make_client
from airgate_web.adapters.cluster_local.replica import RunningReplica, Surroundings
from airgate_web.adapters.cluster_local.rollout import Seen, plan_rollout
from airgate_web.adapters.cluster_local.shelf import Ports, ReplicaRecord, Shelf
from airgate_web.domain.workload import Observation, ReplicaState, Workload, find_replica_digest

log = logs.get(__name__)
ROTATE_SECONDS = 5.0


class Supervisor:
    """Lives on one event loop on the main thread (children are tethered to it). start() … stop()."""

    def __init__(self, options: Options, places: Places, clock: Clock) -> None:
        self.options = options
        self.places = places
        self.shelf = Shelf(places)
        self.office = CardOffice(places.kubelet, clock, self.changed)
        self.around = Surroundings(
            options, places, self.shelf, self.office, make_client(), clock, self.find_ports, self.changed
        )
        self.wishes: dict[str, Workload] = {}
        self.replicas: dict[str, RunningReplica] = {}
        self.number = int(clock.now().timestamp() * 1000)  # of the last change; a new supervisor begins above the old
        self.news = asyncio.Event()  # set at a change, and replaced by a new one
        self.wake = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """End what an earlier supervisor left, then run again what is wanted."""
        records = self.shelf.read_replicas()
        remove_leftovers(records, self.around.clock)
        await self.office.start()
        self.wishes = self.shelf.read_workloads()
        for record in records:
            self.add_replica(record)
        self.keep(self.settle_forever())
        self.keep(self.rotate_forever())
        self.changed()

    async def stop(self) -> None:
        """End every process; the wishes and the records stay for the next start."""
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await asyncio.gather(*(replica.halt() for replica in self.replicas.values()))
        await self.office.stop()
        await self.around.client.aclose()

    # What the reconciler asks

    def apply(self, workload: Workload) -> None:
        """Keep a wish and begin to carry it out."""
        if self.wishes.get(workload.name) == workload:
            return
        log.info("a wish", extra={"fields": {"workload": workload.name, "replicas": workload.replicas}})
        self.shelf.write_workload(workload)
        self.wishes[workload.name] = workload
        self.changed()

    def remove(self, name: str) -> None:
        """Forget a wish and begin to end its replicas."""
        if self.wishes.pop(name, None):
            log.info("a wish is gone", extra={"fields": {"workload": name}})
            self.shelf.remove_workload(name)
            self.changed()

    def replace(self, name: str) -> None:
        """Begin to end one replica at once; its successor is made in the next step. One that is gone is fine."""
        replica = self.replicas.get(name)
        if replica and not replica.ending:
            log.info("a replica is replaced", extra={"fields": {"replica": name}})
            replica.ending = True
            self.keep(self.end_replica(replica, farewell=0))
            self.changed()

    def observe(self) -> Observation:
        """Return the whole truth now."""
        return find_observation(self.wishes, self.replicas.values(), self.office.ledger, self.options.simulated)

    async def wait(self, number: int, seconds: float) -> int:
        """Return the number of the last change, as soon as it is not `number` or `seconds` have passed."""
        if self.number == number:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.news.wait(), seconds)
        return self.number

    def read_logs(self, replica: str, lines: int) -> str:
        """Return the last lines of a replica's log; "" when there is no such replica."""
        known = self.replicas.get(replica)
        return read_tail(known.log_path, lines) if known else ""

    # Settling

    def changed(self) -> None:
        """Take note that something has changed: settle, and wake who waits."""
        self.number += 1
        self.news.set()
        self.news = asyncio.Event()
        self.wake.set()

    async def settle_forever(self) -> None:
        """Settle after each change."""
        while True:
            await self.wake.wait()
            self.wake.clear()
            for name in self.wishes.keys() | {replica.record.workload.name for replica in self.replicas.values()}:
                self.settle(name)

    def settle(self, name: str) -> None:
        """Take the next steps of one workload."""
        wish = self.wishes.get(name)
        mine = [replica for replica in self.replicas.values() if replica.record.workload.name == name]
        digest = find_replica_digest(wish) if wish else ""
        living = [replica for replica in mine if not replica.ending]
        steps = plan_rollout(
            wish.replicas if wish else 0,
            [see(replica, digest) for replica in living],
            asked=wish.amounts.accelerators if wish else 0,
            free=len(self.office.ledger.find_free(wish.amounts.resource)) if wish else 0,
            ending=any(replica.ending and replica.grant for replica in mine),
        )
        for leaving in steps.stop:
            self.keep(self.end_replica(self.replicas[leaving], farewell=self.options.farewell_seconds if wish else 0))
        for _ in range(steps.start if wish else 0):
            self.make_replica(wish, replaces=bool(mine))

    def make_replica(self, wish: Workload | None, *, replaces: bool) -> None:
        """Start one more replica of a wish."""
        assert wish is not None
        order = 1 + max((replica.record.order for replica in self.replicas.values()), default=0)
        number = 1 + max((int(name.rpartition("-")[2]) for name in self.find_names(wish.name)), default=0)
        name = f"{wish.name}-{number}"
        ports = find_ports(f"{self.options.home}/{name}", self.find_taken())
        self.add_replica(ReplicaRecord(name, wish, order, ports), replaces=replaces)

    def add_replica(self, record: ReplicaRecord, *, replaces: bool = False) -> None:
        """Bring a replica to life."""
        self.replicas[record.name] = RunningReplica(record, self.around, replaces=replaces)
        self.replicas[record.name].start()

    async def end_replica(self, replica: RunningReplica, *, farewell: float) -> None:
        """End a replica for good."""
        await replica.stop(farewell=farewell)
        del self.replicas[replica.name]
        self.changed()

    def find_names(self, workload: str) -> Iterator[str]:
        """Yield the names of a workload's replicas."""
        return (name for name, replica in self.replicas.items() if replica.record.workload.name == workload)

    def find_taken(self) -> set[int]:
        """Return the ports that belong to replicas."""
        every = [replica.record.ports for replica in self.replicas.values()]
        return {port for ports in every for port in (ports.http, ports.grpc, ports.admin)}

    def find_ports(self, record: ReplicaRecord) -> Ports:
        """Return a replica's own ports, or new ones when somebody else listens on one of them."""
        if are_free(record.ports):
            return record.ports
        return find_ports(f"{self.options.home}/{record.name}", self.find_taken())

    def keep(self, work: Coroutine[None, None, None]) -> None:
        """Run `work` beside, and hold on to its task until it ends."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def rotate_forever(self) -> None:
        """Keep logs within their size."""
        while True:
            await asyncio.sleep(ROTATE_SECONDS)
            for replica in self.replicas.values():
                rotate(replica.log_path, self.options.log_bytes)


def see(replica: RunningReplica, digest: str) -> Seen:
    """Return what matters of a replica for the next steps; `digest` is that of the wish."""
    return Seen(
        name=replica.name,
        order=replica.record.order,
        current=replica.digest == digest,
        ready=replica.state is ReplicaState.READY,
        waits=replica.state is ReplicaState.WAITING,
        cards=len(replica.grant.devices) if replica.grant else 0,
    )


@contextlib.contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold the lock of a home; raise BlockingIOError when another supervisor does."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)

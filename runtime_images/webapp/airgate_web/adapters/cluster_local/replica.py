"""One replica, from its birth to its end: cards, process, probes, restarts.

What probes and pauses mean is judged in `health.py`; the files that the process works on are found by `inputs.py`.
"""

import asyncio
import contextlib
import dataclasses
import datetime
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from airgate_kit import logs
from airgate_kit.clock import Clock
from airgate_web.adapters.cluster_local.command import HOST, find_command, find_environ
from airgate_web.adapters.cluster_local.health import Health, Pauses
from airgate_web.adapters.cluster_local.inputs import Missing, find_inputs
from airgate_web.adapters.cluster_local.kubelet.ledger import Grant
from airgate_web.adapters.cluster_local.kubelet.link import Refused
from airgate_web.adapters.cluster_local.kubelet.office import CardOffice
from airgate_web.adapters.cluster_local.logfile import explain_exit, remove_log
from airgate_web.adapters.cluster_local.node import explain_too_large, find_node
from airgate_web.adapters.cluster_local.places import Options, Places
from airgate_web.adapters.cluster_local.probe import find_device, find_ready
from airgate_web.adapters.cluster_local.process import find_start_ticks, kill_group, start_process, stop_process
from airgate_web.adapters.cluster_local.shelf import Ports, ReplicaRecord, Shelf
from airgate_web.domain.workload import Kind, Outcome, Replica, ReplicaState, find_replica_digest

log = logs.get(__name__)
JOB_TRIES = 3  # new starts of a job after a crash
PROBE_STARTING, PROBE_READY = 0.2, 2.0  # seconds between probes


class Died(Exception):
    """The process ended; the message says how."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every replica shares. find_ports(name): new ports for a replica whose own were taken."""

    options: Options
    places: Places
    shelf: Shelf
    office: CardOffice
    client: httpx.AsyncClient
    clock: Clock
    find_ports: Callable[[ReplicaRecord], Ports]
    on_change: Callable[[], None]


class RunningReplica:
    """Holds one replica's state. Made on the event loop; `start` gives it life, `stop` ends it for good."""

    def __init__(self, record: ReplicaRecord, around: Surroundings, *, replaces: bool = False) -> None:
        self.record = record
        self.around = around
        self.replaces = replaces
        self.digest = find_replica_digest(record.workload)
        self.state = ReplicaState.STARTING
        self.reason = ""
        self.device = ""
        self.restarts = 0
        self.started: datetime.datetime | None = None
        self.health = Health(around.clock.monotonic())  # of its last process
        self.pauses = Pauses()
        self.ending = False
        self.outcome: Outcome | None = None
        self.grant: Grant | None = None
        self.process: asyncio.subprocess.Process | None = None
        self.life: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The replica's name, unique for ever."""
        return self.record.name

    @property
    def is_job(self) -> bool:
        """Whether it ends by itself."""
        return self.record.workload.kind is Kind.JOB

    @property
    def log_path(self) -> Path:
        """Where its stdout and stderr go."""
        return self.around.places.logs / f"{self.name}.log"

    @property
    def scratch(self) -> Path:
        """Its own folder to write in."""
        return self.around.places.scratch / self.name

    def find_facts(self, node: str) -> Replica:
        """Return what is to be said about it."""
        return Replica(
            name=self.name,
            state=self.state,
            spec_digest=self.digest,
            node=node,
            devices=self.grant.devices if self.grant else (),
            reason=self.reason,
            restarts=self.restarts,
            started=self.started,
            device=self.device,
            address="" if self.is_job else f"{HOST}:{self.record.ports.http}",
        )

    def start(self) -> None:
        """Begin its life."""
        self.around.shelf.write_replica(self.record)
        self.life = asyncio.get_running_loop().create_task(self.live())

    async def stop(self, *, farewell: float) -> None:
        """End it: no address any more, `farewell` seconds for the gateway to hear of it, drain, gone with its cards."""
        self.ending = True
        served = self.state is ReplicaState.READY
        self.change(ReplicaState.STOPPED, "is ending")
        if served and farewell:
            await asyncio.sleep(farewell)
        await self.halt()
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.around.shelf.remove_replica(self.name)
        remove_log(self.log_path)

    async def halt(self) -> None:
        """End its process and give its cards back, but keep its record: it will run again."""
        self.ending = True
        if self.life:
            self.life.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.life
        if self.process:
            await stop_process(self.process, self.around.options.drain_seconds)
        if not self.is_job:  # it goes on from there
            shutil.rmtree(self.scratch, ignore_errors=True)
        self.around.office.release(self.name)

    def change(self, state: ReplicaState, reason: str = "") -> None:
        """Take on a state, and say so when it is another; who is ending takes on none any more but Stopped."""
        ended = self.ending and state is not ReplicaState.STOPPED
        if (state, reason) != (self.state, self.reason) and not ended:
            # A job's reason may end in a line that its model printed, and with that in rows of a data set.
            fields = {"replica": self.name, "state": state.value, "reason": "" if self.is_job else reason}
            log.info("a replica has changed", extra={"fields": fields})
            self.state, self.reason = state, reason
            self.around.on_change()

    # Its life

    async def live(self) -> None:
        """Run its process again and again, with growing pauses, until cancelled; a job until it has ended for good."""
        await self.wait_for_room()
        while True:
            try:
                await self.take_cards()
                await self.run()
            except (Refused, Missing, Died, OSError, ValueError) as why:
                self.fail(str(why))
            if self.outcome:
                return
            was_well = self.health.was_well(self.around.clock.monotonic())
            await asyncio.sleep(self.pauses.take_next(was_well))
            self.restarts += 1

    def fail(self, reason: str) -> None:
        """Take note that its process could not run; a job that was tried often enough has failed for good."""
        if self.is_job and self.restarts >= JOB_TRIES:
            self.outcome = Outcome.FAILED
        self.change(ReplicaState.FAILED, reason)

    def succeed(self) -> None:
        """Take note that a job has come to its end."""
        self.outcome = Outcome.SUCCEEDED
        self.around.office.release(self.name)
        self.change(ReplicaState.STOPPED, "has come to its end")

    async def wait_for_room(self) -> None:
        """Wait for ever when the machine itself is too small."""
        too_large = explain_too_large(self.record.workload.amounts, find_node({}, {}))
        if too_large:
            self.change(ReplicaState.WAITING, too_large)
            await asyncio.Event().wait()

    async def take_cards(self) -> None:
        """Wait until as many cards are free as it asks for; it keeps them over restarts."""
        amounts = self.record.workload.amounts
        if not amounts.accelerators or self.grant:
            return
        self.change(ReplicaState.WAITING, f"waits for {amounts.accelerators} {amounts.resource}")
        self.grant = await self.around.office.claim(
            self.name, amounts.resource, amounts.accelerators, self.record.order, replaces=self.replaces
        )

    async def run(self) -> None:
        """Start the process and follow it to its end; raise Died, but for a job that has done what it was to do."""
        await self.start_process()
        assert self.process is not None
        watcher = asyncio.get_running_loop().create_task(self.watch())
        try:
            code = await self.process.wait()
        finally:
            watcher.cancel()
        kill_group(self.process.pid)  # what it may have left of its own children
        if self.is_job and code == 0:
            self.succeed()
            return
        killed = "" if watcher.cancelled() or not watcher.done() else watcher.result()
        raise Died(killed or explain_exit(code, self.log_path))

    async def start_process(self) -> None:
        """Start the process on its ports, or on new ones when another program has taken them."""
        self.change(ReplicaState.STARTING)
        self.record = dataclasses.replace(self.record, ports=self.around.find_ports(self.record))
        options, scratch = self.around.options, self.make_scratch()
        files = find_inputs(self.record.workload, options.find_blob)
        command = find_command(options.serve, self.record, files, (options.blobs, scratch), options.web_url)
        environ = find_environ(options.environ, self.record, self.grant, scratch, options.trace_url)
        if not command:
            raise Died("this runtime has an image and no command, and this machine runs commands alone")
        self.process = await start_process(command, environ, self.log_path)
        self.started, self.device = self.around.clock.now(), ""
        self.health = Health(self.around.clock.monotonic())
        ticks = find_start_ticks(self.process.pid)
        self.record = dataclasses.replace(self.record, pid=self.process.pid, start_ticks=ticks)
        self.around.shelf.write_replica(self.record)

    def make_scratch(self) -> Path:
        """Make the folder of its own that a tester or a server of others has, empty; that of a job is gone on from.

        A service has none.
        """
        if self.is_job:
            self.scratch.mkdir(parents=True, mode=0o700, exist_ok=True)
            return self.scratch
        if self.record.workload.kind is Kind.TESTER or self.record.workload.server:
            shutil.rmtree(self.scratch, ignore_errors=True)
            self.scratch.mkdir(parents=True, mode=0o700)
        return self.scratch

    # Its probes

    async def watch(self) -> str:
        """Follow readiness; kill a process that does not start or no longer answers, and return why. A job has none."""
        if self.is_job:
            self.change(ReplicaState.READY)
            await asyncio.Event().wait()
        while True:
            await self.probe()
            if reason := self.health.find_end(self.around.clock.monotonic()):
                return self.kill(reason)
            await asyncio.sleep(PROBE_READY if self.state is ReplicaState.READY else PROBE_STARTING)

    async def probe(self) -> None:
        """Ask it whether it is ready, the first time also where it computes, and take note."""
        ready = await find_ready(self.around.client, self.record)
        if ready and self.health.ready_since is None:
            self.device = await find_device(self.around.client, self.record)
        self.health.take_answer(ready, self.around.clock.monotonic())
        if ready:
            self.change(ReplicaState.READY)
        else:
            was_ready = self.health.ready_since is not None
            self.change(ReplicaState.STARTING, "does not answer its readiness probe" if was_ready else "")

    def kill(self, reason: str) -> str:
        """Kill the process group and return the reason."""
        assert self.process is not None
        log.warning("killing a replica", extra={"fields": {"replica": self.name, "reason": reason}})
        kill_group(self.process.pid)
        return reason

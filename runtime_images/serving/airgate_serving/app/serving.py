"""Composition root of `airgate-serve MODEL_FILE`: builds the parts, starts them, and takes them down in order."""

import asyncio
import importlib.metadata
import signal
import uuid

import uvloop

from airgate_kit import logs, names
from airgate_kit.clock import Clock
from airgate_serving.config import ServeConfig
from airgate_serving.engine.admission import Admission
from airgate_serving.engine.batcher import Batcher, BatchRules
from airgate_serving.engine.dataplane import DataPlane, ServedModel
from airgate_serving.engine.meter import Meter
from airgate_serving.engine.warmup import WarmUp, warm_up
from airgate_serving.formats.interface import LoadOptions, Runner
from airgate_serving.formats.table import find_format, load
from airgate_serving.rest.probes import ProbesDoor
from airgate_serving.rest.records import RecordsDoor
from airgate_serving.rest.routes import Router, build_routes
from airgate_serving.rest.server import Door, DoorRules, HttpServer, bind_port
from airgate_serving.rest.v2 import V2Door
from airgate_serving.sandbox.lock import LockReport, judge_opening, lock_calls
from airgate_serving.telemetry import Metrics

log = logs.get("airgate_serving.app")


def serve(config: ServeConfig, report: LockReport, clock: Clock) -> None:
    """Serve until SIGTERM or SIGINT. Raises ServingError when the model or a port cannot be had.

    `report` says how files are locked already; system calls follow when the ports are bound.
    """
    uvloop.run(_Runtime(config, report, clock).run())


class _Runtime:
    """One serving process, from its first socket to its last answer."""

    def __init__(self, config: ServeConfig, report: LockReport, clock: Clock) -> None:
        self._config = config
        self._report = report
        self._clock = clock
        self._stop = asyncio.Event()
        model = ServedModel(config.name, config.version, config.digest, config.granted)
        self._plane = DataPlane(model, Admission(config.limits.queue), Meter())

    async def run(self) -> None:
        """Bind, load, serve, drain."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        door, http, admin = self._open_http()
        self._announce(http, admin)
        try:
            self._lock()
            await self._bring_model()
            await self._stop.wait()
            await self._drain(door)
        finally:
            await http.stop()
            await admin.stop()
            self._plane.close()

    def _open_http(self) -> tuple[Door, HttpServer, HttpServer]:
        """Open the serving port and the port of probes."""
        config, plane = self._config, self._plane
        v2 = V2Door(plane, importlib.metadata.version("airgate"), self._clock.monotonic)
        router = Router(plane, build_routes(plane, v2, RecordsDoor(plane, self._clock.monotonic)))
        door = Door(router, self._make_rules())
        http = HttpServer(bind_port(config.ports.host, config.ports.http), door)
        probes = Door(ProbesDoor(lambda: plane.admission.state, Metrics(plane).render), DoorRules())
        admin = HttpServer(bind_port(config.ports.host, config.ports.admin), probes)
        http.start()
        admin.start()
        return door, http, admin

    def _make_rules(self) -> DoorRules:
        config = self._config
        digest = ((names.HEADER_MODEL_DIGEST, config.digest),) if config.digest else ()
        return DoorRules(config.gate_secret, config.limits.body_bytes, digest, uuid.uuid4().hex[:12])

    def _announce(self, http: HttpServer, admin: HttpServer) -> None:
        host = self._config.ports.host
        print(f"Listening: http {host}:{http.port} admin {host}:{admin.port}", flush=True)

    def _lock(self) -> None:
        """Forbid new sockets and programs, now that the ports are bound and before the model is opened."""
        report = lock_calls(self._report, serving=True)
        judge_opening(report, find_format(self._config.format).carries_code, self._config.excused)
        log.info("locked", extra={"fields": {"lock": report.explain()}})

    async def _bring_model(self) -> None:
        """Load and warm the model in a thread, while the probes answer already."""
        runner, warm = await asyncio.to_thread(self._load)
        limits = self._config.limits
        rules = BatchRules(warm.batchable, warm.seconds, deadline=limits.deadline_seconds)
        loop = asyncio.get_running_loop()
        batcher = Batcher(runner.run, rules, self._plane.meter, self._clock.monotonic, loop)
        self._plane.attach(runner.info, batcher)
        self._say_device(runner, warm)

    def _load(self) -> tuple[Runner, WarmUp]:
        config = self._config
        runner = load(config.file, config.format, LoadOptions(config.threads, config.nvidia))
        return runner, warm_up(runner, self._clock.monotonic)

    def _say_device(self, runner: Runner, warm: WarmUp) -> None:
        """Say on stdout which device computes, and when that is not the one that was granted."""
        info, granted = runner.info, self._config.granted
        print(f"{info.engine} device: {info.device}", flush=True)
        if granted and info.device == "CPU":
            print(f"Granted {granted}, but {info.engine} computes on the CPU.", flush=True)
        seconds = f"{warm.seconds:.6f}" if warm.seconds is not None else None
        fields = {"model": self._config.name, "batchable": warm.batchable, "run_seconds": seconds, "note": warm.note}
        log.info("the model is ready", extra={"fields": fields})

    async def _drain(self, door: Door) -> None:
        """Stop being ready at once, go on answering for a moment, then wait for what is inside."""
        self._plane.admission.begin_drain()
        door.closing = True
        log.info("draining", extra={"fields": {"in_flight": self._plane.admission.in_flight}})
        await asyncio.sleep(self._config.limits.linger_seconds)
        if not await self._plane.admission.wait_idle(self._config.limits.drain_seconds):
            log.warning("the drain ran out of time", extra={"fields": {"in_flight": self._plane.admission.in_flight}})

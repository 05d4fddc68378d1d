"""Composition root of `airgate-serve MODEL_FILE`: builds the parts, starts them, and takes them down in order."""

import asyncio
import contextlib
import importlib.metadata
import os
import signal
import uuid
from typing import TYPE_CHECKING

import uvloop

from airgate_kit import logs, names
from airgate_kit.clock import Clock
from airgate_serving.access import Ring
from airgate_serving.app.bringing import Bringer
from airgate_serving.app.watching import Watchers
from airgate_serving.config import ServeConfig
from airgate_serving.engine.admission import Admission, State
from airgate_serving.engine.dataplane import DataPlane, ServedModel
from airgate_serving.engine.meter import Meter
from airgate_serving.engine.models import Models
from airgate_serving.formats.table import find_format
from airgate_serving.rest.door import Door, DoorRules, Handler
from airgate_serving.rest.many import ManyRouter
from airgate_serving.rest.pages import PagesDoor
from airgate_serving.rest.probes import ProbesDoor
from airgate_serving.rest.records import RecordsDoor
from airgate_serving.rest.repository import RepositoryDoor
from airgate_serving.rest.routes import Router, build_quick_routes, build_routes
from airgate_serving.rest.server import HttpServer, bind_port
from airgate_serving.rest.v2 import V2Door
from airgate_serving.rpc.server import GrpcServer
from airgate_serving.rpc.servicer import InferenceServicer
from airgate_serving.sandbox.lock import LockReport, judge_opening, lock_calls
from airgate_serving.telemetry import Metrics

if TYPE_CHECKING:
    from airgate_serving.app.watching import Tracing

SERVER_NAME = "airgate-serve"
EXIT_UNANSWERED = 4
GRPC_SECONDS = 2.0  # for calls that are inside when everything else has drained
log = logs.get("airgate_serving.app")


def serve(
    config: ServeConfig,
    report: LockReport,
    clock: Clock,
    ring: Ring | None = None,
    tracing: "Tracing | None" = None,
) -> None:
    """Serve until SIGTERM or SIGINT. Raises ServingError when the model or a port cannot be had.

    `report` says how files are locked already; system calls follow when the ports are bound. Requests are sampled into
    `ring` and followed by `tracing`, both of which were opened before the lock.
    """
    uvloop.run(_Runtime(config, report, clock, ring, tracing).run())


class _Runtime:
    """One serving process, from its first socket to its last answer."""

    def __init__(
        self,
        config: ServeConfig,
        report: LockReport,
        clock: Clock,
        ring: Ring | None,
        tracing: "Tracing | None",
    ) -> None:
        self._config = config
        self._report = report
        self._clock = clock
        self._stop = asyncio.Event()
        configs = (config, *config.others)
        self._models = Models([_make_plane(one) for one in configs])
        self._watchers = Watchers(self._models, clock, config.access_log, ring, tracing)
        pairs = zip(configs, self._models.planes, strict=True)
        self._bringers = [Bringer(one, plane, clock) for one, plane in pairs]

    async def run(self) -> None:
        """Bind, lock, load, serve, drain; what was opened is closed in the opposite order."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._end)
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self._models.close)
            stack.callback(self._watchers.close)
            door = await self._open_doors(stack)
            self._lock()
            for bringer in self._bringers:
                await bringer.bring()
            await self._stop.wait()
            if not await self._drain(door):
                self._leave()

    def _end(self) -> None:
        """Begin the drain, or end at once while the model is still being loaded: nobody has been let in."""
        if self._models.state is State.STARTING:
            os._exit(0)
        self._stop.set()

    async def _open_doors(self, stack: contextlib.AsyncExitStack) -> Door:
        """Bind all three ports, then answer on them; say on stdout where. Return the door of predictions."""
        ports = self._config.ports
        http_socket, admin_socket = bind_port(ports.host, ports.http), bind_port(ports.host, ports.admin)
        rpc_port = await self._open_grpc(stack)
        door = self._make_door()
        metrics = Metrics(self._models, self._watchers.count_spans)
        probes = Door(ProbesDoor(lambda: self._models.state, metrics.render), DoorRules())
        now = self._clock.now
        http, admin = HttpServer(http_socket, door, now), HttpServer(admin_socket, probes, now)
        for server in (admin, http):
            await server.start()
            stack.push_async_callback(server.stop)
        print(f"Listening: http {ports.host}:{http.port} grpc {ports.host}:{rpc_port} ", end="")
        print(f"admin {ports.host}:{admin.port}", flush=True)
        return door

    async def _open_grpc(self, stack: contextlib.AsyncExitStack) -> int:
        config, watchers = self._config, self._watchers
        servicer = InferenceServicer(
            self._models,
            _find_server(),
            config.gate_secret,
            self._clock.monotonic,
            watchers.watch,
            watchers.follow,
        )
        server = GrpcServer(servicer, config.limits.body_bytes)
        stack.push_async_callback(server.stop, GRPC_SECONDS)
        return await server.open(config.ports.host, config.ports.grpc)

    def _make_door(self) -> Door:
        """Return what answers predictions: of one model its router, of several the one that chooses among theirs."""
        pairs = zip(self._models.planes, self._bringers, strict=True)
        routers = {plane.model.name: self._make_router(plane, bringer) for plane, bringer in pairs}
        quick = {place: one for router in routers.values() for place, one in router.quick.items()}
        first = routers[self._models.first.model.name]
        handler: Handler = first if len(routers) == 1 else ManyRouter(self._models, routers)
        return Door(handler, self._make_rules(), quick)

    def _make_router(self, plane: DataPlane, bringer: Bringer) -> Router:
        monotonic = self._clock.monotonic
        v2, records = V2Door(plane, _find_server(), monotonic), RecordsDoor(plane, monotonic)
        routes = build_routes(plane, v2, records, PagesDoor(plane))
        if self._config.repository:
            door = RepositoryDoor(plane, bringer.bring_again, bringer.take_out, self._models.planes)
            routes |= door.list_routes()
        return Router(plane, routes, records, build_quick_routes(plane, v2))

    def _make_rules(self) -> DoorRules:
        config, watchers = self._config, self._watchers
        return DoorRules(
            config.gate_secret,
            config.limits.body_bytes,
            self._name_file,
            uuid.uuid4().hex[:12],
            watchers.watch,
            watchers.follow,
            self._clock.monotonic if watchers.watch else float,
        )

    def _name_file(self, path: str) -> tuple[tuple[str, str], ...]:
        """Return the header that names the file which answers at a path now."""
        return ((names.HEADER_MODEL_DIGEST, self._models.find_called(path).model.digest),)

    def _lock(self) -> None:
        """Forbid new sockets and programs, now that the ports are bound and before the model is opened."""
        report = lock_calls(self._report, serving=True)
        for config in (self._config, *self._config.others):
            judge_opening(report, find_format(config.format).carries_code, config.excused and not config.override)
        log.info("locked", extra={"fields": {"lock": report.explain()}})

    async def _drain(self, door: Door) -> bool:
        """Stop being ready at once, answer for a moment more, then wait for what is inside; return whether it ended."""
        self._models.begin_drain()
        door.closing = True
        log.info("draining", extra={"fields": {"in_flight": self._models.in_flight}})
        await asyncio.sleep(self._config.limits.linger_seconds)
        return await self._models.wait_idle(self._config.limits.drain_seconds)

    def _leave(self) -> None:
        """End the process with requests in it: a model that does not return would hold its thread, and us, for ever."""
        log.warning("the drain ran out of time", extra={"fields": {"in_flight": self._models.in_flight}})
        self._watchers.close()
        os._exit(EXIT_UNANSWERED)


def _make_plane(config: ServeConfig) -> DataPlane:
    """Return the way to one model, which is not loaded yet, with a queue of its own."""
    model = ServedModel(config.name, config.version, config.digest, config.granted)
    return DataPlane(model, Admission(config.limits.queue), Meter())


def _find_server() -> tuple[str, str]:
    """Return the server's name and version, as metadata has them; a copied tree without its package has no version."""
    try:
        return SERVER_NAME, importlib.metadata.version("airgate")
    except importlib.metadata.PackageNotFoundError:
        return SERVER_NAME, "unknown"

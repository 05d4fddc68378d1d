"""Composition root of `airgate-serve tester`: the warm test runtime behind its two doors."""

import asyncio
import signal
import uuid

import uvloop

from airgate_kit import logs
from airgate_kit.clock import Clock
from airgate_serving.config import TesterConfig
from airgate_serving.rest.door import Door, DoorRules
from airgate_serving.rest.probes import ProbesDoor
from airgate_serving.rest.server import HttpServer, bind_port
from airgate_serving.rest.trials import TrialsDoor
from airgate_serving.trials.blobs import Blobs, FetchedBlobs, FolderBlobs
from airgate_serving.trials.keeper import Keeper
from airgate_serving.trials.service import Trials

log = logs.get("airgate_serving.app")


def serve_tests(config: TesterConfig, clock: Clock) -> None:
    """Serve until SIGTERM or SIGINT. Raises ServingError when a port cannot be had."""
    uvloop.run(_run(config, clock))


async def _run(config: TesterConfig, clock: Clock) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    keeper = Keeper(config.environment, config.scratch)
    trials = Trials(keeper, _choose_blobs(config, clock), config.scratch, config.bounds, config.around)
    servers = await _open_doors(config, trials, clock)
    keeper.start()
    try:
        await stop.wait()
        log.info("stopping")
    finally:
        for server in servers:
            await server.stop()
        await keeper.stop()


async def _open_doors(config: TesterConfig, trials: Trials, clock: Clock) -> list[HttpServer]:
    rules = DoorRules(config.gate_secret, config.body_bytes, id_prefix=uuid.uuid4().hex[:12])
    http = HttpServer(bind_port(config.host, config.port), Door(TrialsDoor(trials), rules), clock.now)
    probes = ProbesDoor(lambda: "ready" if trials.is_ready() else "starting", lambda: b"")
    admin = HttpServer(bind_port(config.host, config.admin_port), Door(probes, DoorRules()), clock.now)
    await http.start()
    await admin.start()
    print(f"Listening: http {config.host}:{http.port} admin {config.host}:{admin.port}", flush=True)
    return [http, admin]


def _choose_blobs(config: TesterConfig, clock: Clock) -> Blobs:
    """Read from the folder, or fetch from the webapp into a cache below the scratch folder."""
    if config.blobs:
        return FolderBlobs(config.blobs)
    cache = config.scratch / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    return FetchedBlobs(config.blobs_url, config.fetch_token, cache, config.cache_bytes, clock)

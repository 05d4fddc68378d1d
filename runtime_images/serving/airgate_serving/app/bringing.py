"""Brings the model into the data plane, and takes it out: loads and warms it in a thread while everything else answers.

Loading again puts the new model beside the old one, changes over between two requests, and lets the old one finish
what it has: nobody notices. A file that cannot be opened leaves the old model where it is.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from airgate_kit import logs
from airgate_kit.clock import Clock
from airgate_serving.codecs.calls import Call
from airgate_serving.config import ServeConfig
from airgate_serving.engine.batcher import Batcher, BatchRules
from airgate_serving.engine.dataplane import DataPlane
from airgate_serving.engine.warmup import WarmUp, warm_up
from airgate_serving.fetch import compute_digest, is_of_digest
from airgate_serving.formats.interface import LoadOptions, Runner, Script, Several
from airgate_serving.formats.table import load
from airgate_serving.formats.versions import list_warnings

log = logs.get("airgate_serving.app")


class Bringer:
    """The one who loads and unloads the model of a data plane, one thing after the other."""

    def __init__(self, config: ServeConfig, plane: DataPlane, clock: Clock) -> None:
        """Bring the file of `config` into `plane`."""
        self._config, self._plane, self._clock = config, plane, clock
        self._turn = asyncio.Lock()

    async def bring(self) -> None:
        """Load the model as it was given at the start. Raises ServingError when it cannot be had."""
        async with self._turn:
            await self._bring(self._config.digest)

    async def bring_again(self) -> None:
        """Load the file as it is now. Raises ServingError, and leaves the old model answering, when that fails."""
        async with self._turn:
            await self._bring(await asyncio.to_thread(compute_digest, self._config.file))

    async def take_out(self) -> None:
        """Stop being ready, let what is inside finish, and forget the model."""
        async with self._turn:
            batcher = self._plane.detach()
            if batcher:
                await batcher.finish()

    async def _bring(self, digest: str) -> None:
        runner, warm = await asyncio.to_thread(self._load)
        self._plane.model = replace(self._plane.model, digest=digest)
        old = self._plane.attach(runner.info, self._make_batcher(runner, warm))
        self._say_device(runner, warm)
        if old:
            await old.finish()

    def _load(self) -> tuple[Runner, WarmUp]:
        config = self._config
        scanned = not is_of_digest(config.file, config.override)
        options = LoadOptions(
            config.threads, config.nvidia, config.qids, config.qaic_sdk, config.scratch, scanned=scanned
        )
        if not scanned:
            log.warning(
                "opened past the scanner, as an administrator allowed", extra={"fields": {"file": config.override}}
            )
        runner = load(config.file, config.format, options)
        return runner, warm_up(runner, self._clock.monotonic)

    def _make_batcher(self, runner: Runner, warm: WarmUp) -> Batcher:
        limits = self._config.limits
        rules = BatchRules(
            warm.batchable,
            warm.seconds,
            deadline=limits.deadline_seconds,
            window=limits.window_seconds,
            in_thread=runner.info.is_script,
        )
        loop = asyncio.get_running_loop()
        return Batcher(_choose_run(runner), rules, self._plane.meter, self._clock.monotonic, loop)

    def _say_device(self, runner: Runner, warm: WarmUp) -> None:
        """Say on stdout which device computes, and when that is not the one that was granted."""
        info, granted = runner.info, self._config.granted
        print(f"{info.engine} device: {info.device}", flush=True)
        if granted and info.device == "CPU":
            print(f"Granted {granted}, but {info.engine} computes on the CPU.", flush=True)
        for warning in list_warnings(info):
            log.warning(warning, extra={"fields": {"model": self._config.name}})
        seconds = f"{warm.seconds:.6f}" if warm.seconds is not None else None
        fields = {"model": self._config.name, "batchable": warm.batchable, "run_seconds": seconds, "note": warm.note}
        log.info("the model is ready", extra={"fields": fields})


def _choose_run(runner: Runner) -> Callable[[Any], Any]:
    """Return how the queue runs what is in it: tensors, a script's call, or one of a further function with tensors."""
    if isinstance(runner, Script):
        return lambda call: runner.call(call.function, call.args)
    if isinstance(runner, Several):
        return lambda asked: (
            runner.further[asked.function].run(asked.args) if isinstance(asked, Call) else runner.run(asked)
        )
    return runner.run

"""What a test runtime does: read a signature, run a function once, and say whether versions fit."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from airgate_serving.errors import Busy
from airgate_serving.trials.blobs import Blobs
from airgate_serving.trials.job import FIT, INSPECT, TEST, Bounds, Job, Surroundings
from airgate_serving.trials.keeper import CallReport, Keeper


class Trials:
    """Takes wishes to the zygote: a few calls at a time, a few more waiting, the rest refused."""

    def __init__(self, keeper: Keeper, blobs: Blobs, scratch: Path, bounds: Bounds, around: Surroundings) -> None:
        """Run calls of `keeper` on files of `blobs`, each in a folder of its own below `scratch`."""
        self._keeper, self._blobs, self._scratch = keeper, blobs, scratch
        self._bounds, self._around = bounds, around
        self._places = asyncio.Semaphore(CALLS_AT_A_TIME)
        self._waiting = 0

    def is_ready(self) -> bool:
        """Return whether calls can be taken."""
        return self._keeper.ready.is_set()

    async def inspect(self, digest: str, format_name: str = "", override: str = "") -> CallReport:
        """Read the signature of a file. override: see Job. Raises FetchFailed, Busy and NotReady."""
        return await self._run(digest, action=INSPECT, format=format_name, override=override)

    async def test(
        self, digest: str, format_name: str, function: str, arguments: Any, override: str = ""
    ) -> CallReport:
        """Load a file and run a function once. override: see Job. Raises FetchFailed, Busy and NotReady."""
        what = {"format": format_name, "function": function, "arguments": arguments, "override": override}
        return await self._run(digest, action=TEST, **what)

    async def fit(self, versions: dict[str, str]) -> CallReport:
        """Judge the versions in a file by this runtime's own. Raises Busy and NotReady."""
        return await self._run("", action=FIT, arguments=versions)

    async def _run(self, digest: str, **what: Any) -> CallReport:
        async with self._take_place():
            file = await asyncio.to_thread(self._blobs.find, digest) if digest else None
            folder = tempfile.mkdtemp(dir=self._scratch, prefix="call-")
            try:
                job = Job(file=str(file or folder), scratch=folder, bounds=self._bounds, around=self._around, **what)
                return await self._keeper.run(job)
            finally:
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    @asynccontextmanager
    async def _take_place(self) -> AsyncIterator[None]:
        if self._waiting >= WAITING_AT_MOST:
            raise Busy(f"{WAITING_AT_MOST} calls are waiting already.", "Try again in a few seconds.")
        self._waiting += 1
        try:
            await self._places.acquire()
        finally:
            self._waiting -= 1
        try:
            yield
        finally:
            self._places.release()


CALLS_AT_A_TIME = 2
WAITING_AT_MOST = 16

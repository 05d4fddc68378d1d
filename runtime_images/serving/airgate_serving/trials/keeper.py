"""Keeps one zygote alive and gives it calls: the side of the test runtime that holds no model and no library."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from airgate_kit import logs
from airgate_serving.errors import CallStopped, NotReady, ServingError
from airgate_serving.trials.job import MEBIBYTE, Job, write_job

PACKET = 65536  # bytes
PAUSE = 2.0  # seconds before a warm process that never got warm is started again
SHOWN = 64 * 1024  # bytes of what a model printed that are handed on
log = logs.get("airgate_serving.trials")


@dataclass(frozen=True, slots=True)
class CallReport:
    """What a call answered, and the beginning of what it printed. `error` is there when it was refused or stopped."""

    answer: dict[str, Any]
    stdout: str
    stderr: str
    error: ServingError | None = None


class Keeper:
    """One zygote and the calls it has running. Lives on the loop's thread."""

    def __init__(self, environment: Mapping[str, str], scratch: Path) -> None:
        """Give the zygote this environment and no other; temporary files go below `scratch`."""
        self._environment = dict(environment)
        self._scratch = scratch
        self._ends: dict[int, asyncio.Future[int]] = {}
        self._counter = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._reader: asyncio.Task[None] | None = None
        self.ready = asyncio.Event()

    def start(self) -> None:
        """Start the zygote; it is ready some seconds later."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        command = [sys.executable, "-P", "-m", "airgate_serving.trials.zygote", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command, env=self._environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL
            )
        self._control = ours
        self._reader = asyncio.get_running_loop().create_task(self._listen(ours))

    async def stop(self) -> None:
        """End the zygote, and with it every call."""
        if self._reader:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
        if self._control:
            self._control.close()
        if self._process:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)

    async def run(self, job: Job) -> CallReport:
        """Do one call and return its report. Raises NotReady while the zygote is still warming up."""
        if not self.ready.is_set() or not self._control:
            raise NotReady("The test runtime is still warming up.", "Try again in a second.")
        with contextlib.ExitStack() as stack:
            files = [stack.enter_context(tempfile.TemporaryFile(dir=self._scratch)) for _ in range(4)]
            files[0].write(write_job(job))
            files[0].flush()
            return read_report(job, await self._call(job, [file.fileno() for file in files]), files)

    async def _call(self, job: Job, files: list[int]) -> ServingError | None:
        """Have the zygote fork, and return why the call ended otherwise than by itself."""
        assert self._control is not None
        self._counter += 1
        call, end = self._counter, asyncio.get_running_loop().create_future()
        self._ends[call] = end
        try:
            socket.send_fds(self._control, [json.dumps({"id": call}).encode()], files)
            async with asyncio.timeout(job.bounds.seconds):
                return explain_status(await asyncio.shield(end))
        except TimeoutError:
            return await self._stop_call(call, end, job.bounds.seconds)
        except asyncio.CancelledError:
            self._kill(call)
            raise
        finally:
            self._ends.pop(call, None)

    async def _stop_call(self, call: int, end: "asyncio.Future[int]", seconds: float) -> ServingError:
        self._kill(call)
        await end
        return CallStopped(
            f"The call ran longer than {seconds:g} s and was stopped.", "Test with fewer rows, or raise --deadline."
        )

    def _kill(self, call: int) -> None:
        if self._control:
            self._control.send(json.dumps({"kill": call}).encode())

    async def _listen(self, control: socket.socket) -> None:
        """Take the zygote's messages; when it is gone, end its calls and start another."""
        loop = asyncio.get_running_loop()
        while content := await loop.sock_recv(control, PACKET):
            message = json.loads(content)
            if "ready" in message:
                self.ready.set()
            elif message["id"] in self._ends:
                self._ends[message["id"]].set_result(message["status"])
        await self._replace()

    async def _replace(self) -> None:
        log.error("the warm process ended; starting another")
        if not self.ready.is_set():
            await asyncio.sleep(PAUSE)
        self.ready.clear()
        for end in self._ends.values():
            if not end.done():
                end.set_result(int(signal.SIGKILL))
        if self._control:
            self._control.close()
        if self._process:
            self._process.kill()
            self._process.wait()
        self.start()


def explain_status(status: int) -> ServingError | None:
    """Return why a process ended by a signal, or None for one that ended by itself."""
    if not os.WIFSIGNALED(status):
        return None
    number = os.WTERMSIG(status)
    if number == signal.SIGXCPU:
        return CallStopped("The call used all its processor time and was stopped.", "Test with fewer rows.")
    if number == signal.SIGKILL:
        return CallStopped(
            "The call was killed, most likely because the machine ran out of memory.",
            "Give the test runtime more memory, or use a smaller model.",
        )
    name = signal.Signals(number).name
    return CallStopped(f"The model crashed its process ({name}).", "Export it again; its file may be damaged.")


def read_report(job: Job, stopped: ServingError | None, files: Sequence[BinaryIO]) -> CallReport:
    """Return what is in the files that the call has written; nothing in them is trusted to be well formed."""
    _, result, out, err = files
    stdout, stderr = _read_text(out), _read_text(err)
    stopped = stopped or _judge_printing(job, out, err)
    answer = {} if stopped else _read_answer(result)
    if not answer and not stopped:
        stopped = CallStopped("The call ended without an answer.", "Its output says more, if it printed any.")
    return CallReport(answer, stdout, stderr, stopped)


def _judge_printing(job: Job, *files: BinaryIO) -> ServingError | None:
    limit = job.bounds.print_bytes
    if all(os.fstat(file.fileno()).st_size < limit for file in files):
        return None
    return CallStopped(f"The model printed more than {limit // MEBIBYTE} MiB and was stopped.", "Print less.")


def _read_answer(file: BinaryIO) -> dict[str, Any]:
    file.seek(0)
    try:
        answer = orjson.loads(file.read())
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _read_text(file: BinaryIO) -> str:
    file.seek(0)
    text = file.read(SHOWN + 1)
    cut = "\n… (the rest is not shown)\n" if len(text) > SHOWN else ""
    return text[:SHOWN].decode("utf-8", "replace") + cut

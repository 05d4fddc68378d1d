"""Keeps one resource registered: serves first, then registers, and notices a new kubelet by itself.

It polls two small facts, every second and a half: is our socket still the file we made, and is kubelet.sock still the
one we registered at. A kubelet that starts deletes every socket in the folder, so both change. A stream that ends
wakes it at once, because the kubelet never reopens one. No inotify: its instances run out on busy nodes.
"""

import asyncio
import logging
from pathlib import Path

import grpc

from airgate_kit.clock import Clock
from airgate_plugin.errors import CannotServe
from airgate_plugin.inventory import Inventory
from airgate_plugin.kubelet import convert
from airgate_plugin.kubelet.calls import is_answered, register
from airgate_plugin.kubelet.cdi import CdiFiles
from airgate_plugin.kubelet.servicer import Counters, Servicer
from airgate_plugin.kubelet.sockets import KUBELET_SOCKET, SocketId, name_endpoint, read_socket_id
from airgate_plugin.model import Packing, Registration
from airgate_protocols import deviceplugin_pb2_grpc as rpc

log = logging.getLogger("airgate_plugin.kubelet")

POLL_SECONDS = 1.5  # a new kubelet is found within it, and served within two seconds
PATIENCE_SECONDS = 5.0  # how long after Register the kubelet may take to listen
SHORT_LIFE_SECONDS = 10.0  # a stream that ends sooner after Register was probably taken over
TAKEN_OVER_LIMIT = 3  # in a row; before that a lost stream is mended at once
LONGEST_WAIT_SECONDS = 60.0
RETRY_SECONDS = 1.0  # after a refused registration
STOP_SECONDS = 5.0


class Registrar:
    """Serves one resource and keeps the kubelet listening to it."""

    def __init__(
        self,
        resource: str,
        folder: Path,
        inventory: Inventory,
        host_prefix: str,
        cdi: CdiFiles,
        clock: Clock,
        packing: Packing = Packing.PACKED,
    ) -> None:
        """Prepare; `folder` is the kubelet's device plugin folder. Nothing runs before `run`."""
        self.resource = resource
        self._folder = folder
        self._endpoint = name_endpoint(resource)
        self._own_path, self._kubelet_path = folder / self._endpoint, folder / KUBELET_SOCKET
        self._clock = clock
        self._counters = Counters(resource)
        self._servicer = Servicer(
            resource, inventory, host_prefix, cdi, self._counters, clock, self._note_lost_stream, packing
        )
        self._server: grpc.aio.Server | None = None
        self._own: SocketId | None = None
        self._registered_at: SocketId | None = None
        self._registered_when = 0.0
        self._not_before = 0.0
        self._stream_lost = False
        self._taken_over = 0  # how often in a row our stream ended soon after we registered
        self._awake = asyncio.Event()
        self._alarm: asyncio.TimerHandle
        self._is_over = False

    async def run(self) -> None:
        """Serve and register until `stop`; then the kubelet notices at once."""
        try:
            while not self._is_over:
                await self._try_step()
                await self._rest()
        finally:
            await self._stop_server()

    def stop(self) -> None:
        """Let `run` end; from its event loop."""
        self._is_over = True
        self._awake.set()

    def publish(self) -> None:
        """Send what the inventory says now to a kubelet that listens; from the event loop of `run`."""
        self._servicer.publish()

    def read_state(self) -> Registration:
        """Return how the resource stands with the kubelet; from any thread."""
        return self._counters.read()

    def _note_lost_stream(self) -> None:
        self._stream_lost = True
        self._awake.set()

    async def _rest(self) -> None:
        """Wait until a poll finds something to do, or something happens."""
        self._set_alarm()
        await self._awake.wait()
        self._alarm.cancel()
        self._awake.clear()

    def _set_alarm(self) -> None:
        self._alarm = asyncio.get_running_loop().call_later(POLL_SECONDS, self._poll)

    def _poll(self) -> None:
        """Wake `run` unless all is well: to wake it each time is a sixth of what an idle plugin costs."""
        if self._is_well():
            self._set_alarm()
        else:
            self._awake.set()

    def _is_well(self) -> bool:
        """Return whether the kubelet at which we registered listens at the socket that we made."""
        try:
            own, kubelet = read_socket_id(self._own_path), read_socket_id(self._kubelet_path)
        except (CannotServe, OSError):
            return False
        is_same = own is not None and (own, kubelet) == (self._own, self._registered_at)
        return is_same and self._counters.is_listened_to and not self._counters.complaint

    async def _try_step(self) -> None:
        try:
            await self._step()
        except CannotServe as why:
            self._complain(str(why))
        except OSError as why:
            self._complain(f"{self._folder} cannot be used: {why.strerror}")

    async def _step(self) -> None:
        """Compare what is with what should be, and mend the first difference."""
        if self._server and read_socket_id(self._own_path) != self._own:
            log.info("our socket vanished: a kubelet started", extra={"fields": {"resource": self.resource}})
            await self._stop_server()
        kubelet = read_socket_id(self._kubelet_path)
        if kubelet is None:
            self._complain(f"no kubelet yet: {self._kubelet_path} is not there")
            return
        if self._server is None:
            await self._serve()
        if self._is_listened_to(kubelet):
            self._counters.complaint = ""
        elif self._is_time_to_register(kubelet):
            await self._register(kubelet)

    def _is_listened_to(self, kubelet: SocketId) -> bool:
        """Return whether this very kubelet has a stream open, or was asked to open one a moment ago."""
        if self._registered_at != kubelet:
            return False
        if self._counters.is_listened_to:
            return True
        waited = self._clock.monotonic() - self._registered_when
        return not self._stream_lost and waited < PATIENCE_SECONDS

    def _is_time_to_register(self, kubelet: SocketId) -> bool:
        """Return whether to register now; two plugins that take one resource from each other grow slower and slower."""
        now = self._clock.monotonic()
        if self._stream_lost:
            self._stream_lost = False
            is_short = self._registered_at == kubelet and now - self._registered_when < SHORT_LIFE_SECONDS
            self._taken_over = self._taken_over + 1 if is_short else 0
            self._registered_at = None
            if self._taken_over >= TAKEN_OVER_LIMIT:
                self._not_before = now + min(2.0 ** (self._taken_over - TAKEN_OVER_LIMIT), LONGEST_WAIT_SECONDS)
                self._complain(f"the kubelet soon stops listening: does another plugin offer {self.resource} too?")
        return now >= self._not_before

    async def _serve(self) -> None:
        path = self._own_path
        if read_socket_id(path) and await is_answered(path):  # a file of another kind stays where it is: it is not ours
            raise CannotServe(f"another plugin serves {path}", "one of the two is one too many: stop it")
        server = grpc.aio.server()
        rpc.add_DevicePluginServicer_to_server(self._servicer, server)
        try:
            server.add_insecure_port(f"unix:{path}")
        except RuntimeError as why:
            raise CannotServe(f"cannot open {path}: {why}", "the plugin must own that folder: run it as root") from why
        await server.start()
        self._server, self._own, self._registered_at = server, read_socket_id(path), None

    async def _stop_server(self) -> None:
        if self._server:
            await asyncio.wait([asyncio.ensure_future(self._server.stop(grace=None))], timeout=STOP_SECONDS)
        self._server = self._own = self._registered_at = None

    async def _register(self, kubelet: SocketId) -> None:
        self._stream_lost = False
        try:
            await register(self._kubelet_path, self.resource, self._endpoint)
        except grpc.RpcError as why:
            self._not_before = self._clock.monotonic() + RETRY_SECONDS
            self._complain(f"the kubelet did not register us: {convert.explain_failure(why)}")
            return
        self._counters.add("registrations")
        self._registered_at, self._registered_when = kubelet, self._clock.monotonic()
        log.info("registered", extra={"fields": {"resource": self.resource, "endpoint": self._endpoint}})

    def _complain(self, why: str) -> None:
        """Log a complaint once, not at every poll."""
        if self._counters.complaint != why:
            log.warning("not registered", extra={"fields": {"resource": self.resource, "why": why}})
        self._counters.complaint = why

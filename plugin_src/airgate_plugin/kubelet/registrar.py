"""Keeps one resource registered: serves first, then registers, and notices a new kubelet by itself.

It polls two small facts, every second and a half: is our socket still the file we made, and is kubelet.sock still the
one we registered at. A kubelet that starts deletes every socket in the folder, so both change. A stream that ends
wakes it at once, because the kubelet never reopens one. No inotify: its instances run out on busy nodes.
"""

import hashlib
import logging
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc

from airgate_kit.clock import Clock
from airgate_plugin.errors import CannotServe
from airgate_plugin.inventory import Inventory
from airgate_plugin.kubelet import convert
from airgate_plugin.kubelet.cdi import CdiFiles
from airgate_plugin.kubelet.servicer import Counters, Servicer
from airgate_plugin.model import Packing, Registration
from airgate_protocols import deviceplugin_pb2 as pb
from airgate_protocols import deviceplugin_pb2_grpc as rpc

log = logging.getLogger("airgate_plugin.kubelet")

KUBELET_SOCKET = "kubelet.sock"
NAME_MAX = 23  # what `kubelet_dir` was measured against: the kernel allows a socket's path 107 bytes
POLL_SECONDS = 1.5  # a new kubelet is found within it, and served within two seconds
CALL_SECONDS = 5.0  # the kubelet dials back within Register, so its answer takes a moment
PATIENCE_SECONDS = 5.0  # how long after Register the kubelet may take to listen
ANSWER_SECONDS = 1.0
SHORT_LIFE_SECONDS = 10.0  # a stream that ends sooner after Register was probably taken over
TAKEN_OVER_LIMIT = 3  # in a row; before that a lost stream is mended at once
LONGEST_WAIT_SECONDS = 60.0
RETRY_SECONDS = 1.0  # after a refused registration
STOP_SECONDS = 5.0
THREADS = 8  # one is held by each open stream


@dataclass(frozen=True, slots=True)
class SocketId:
    """Which file a socket is: a new one under the same name has another number or another birth."""

    inode: int
    changed_ns: int


def read_socket_id(path: Path) -> SocketId | None:
    """Return which socket lies at `path`; None where there is none. Raises CannotServe where it is something else."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISSOCK(found.st_mode):
        raise CannotServe(f"{path} is not a socket", "remove it; the kubelet and the plugin make theirs anew")
    return SocketId(found.st_ino, found.st_ctime_ns)


def name_endpoint(resource: str) -> str:
    """Return the file name of a resource's socket; a site's long name is shortened to a digest."""
    plain = resource.replace("/", "_")
    short = plain if len(plain) <= NAME_MAX else hashlib.sha256(plain.encode()).hexdigest()[:NAME_MAX]
    return f"airgate-{short}.sock"


def is_answered(path: Path) -> bool:
    """Return whether a plugin that lives answers at a socket; one that died leaves its file behind."""
    with grpc.insecure_channel(f"unix:{path}", options=convert.CHANNEL_OPTIONS) as channel:
        try:
            rpc.DevicePluginStub(channel).GetDevicePluginOptions(pb.Empty(), timeout=ANSWER_SECONDS)
        except grpc.RpcError:
            return False
        return True


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
        """Prepare; `folder` is the kubelet's device plugin folder. Nothing runs before `start`."""
        self.resource = resource
        self._folder = folder
        self._endpoint = name_endpoint(resource)
        self._own_path, self._kubelet_path = folder / self._endpoint, folder / KUBELET_SOCKET
        self._clock = clock
        self._counters = Counters(resource)
        self._servicer = Servicer(
            resource, inventory, host_prefix, cdi, self._counters, clock, self._note_lost_stream, packing
        )
        self._server: grpc.Server | None = None
        self._own: SocketId | None = None
        self._registered_at: SocketId | None = None
        self._registered_when = 0.0
        self._not_before = 0.0
        self._stream_lost = False
        self._taken_over = 0  # how often in a row our stream ended soon after we registered
        self._awake = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"register-{resource}", daemon=True)

    def start(self) -> None:
        """Start to serve and to register."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; the kubelet notices at once. Can be repeated."""
        self._over.set()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def is_alive(self) -> bool:
        """Return whether the registrar still works."""
        return self._thread.is_alive()

    def read_state(self) -> Registration:
        """Return how the resource stands with the kubelet."""
        return self._counters.read()

    def _note_lost_stream(self) -> None:
        self._stream_lost = True
        self._awake.set()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._step()
            except CannotServe as why:
                self._complain(str(why))
            except OSError as why:
                self._complain(f"{self._folder} cannot be used: {why.strerror}")
            self._awake.wait(POLL_SECONDS)
            self._awake.clear()
        self._stop_server()

    def _step(self) -> None:
        """Compare what is with what should be, and mend the first difference."""
        if self._server and read_socket_id(self._own_path) != self._own:
            log.info("our socket vanished: a kubelet started", extra={"fields": {"resource": self.resource}})
            self._stop_server()
        kubelet = read_socket_id(self._kubelet_path)
        if kubelet is None:
            self._complain(f"no kubelet yet: {self._kubelet_path} is not there")
            return
        if self._server is None:
            self._serve()
        if self._is_listened_to(kubelet):
            self._counters.complaint = ""
        elif self._is_time_to_register(kubelet):
            self._register(kubelet)

    def _is_listened_to(self, kubelet: SocketId) -> bool:
        """Return whether this very kubelet has a stream open, or was asked to open one a moment ago."""
        if self._registered_at != kubelet:
            return False
        if self._counters.read().streams > 0:
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

    def _serve(self) -> None:
        path = self._own_path
        if read_socket_id(path) and is_answered(path):  # a file of another kind stays where it is: it is not ours
            raise CannotServe(f"another plugin serves {path}", "one of the two is one too many: stop it")
        server = grpc.server(ThreadPoolExecutor(THREADS, thread_name_prefix=f"kubelet-{self.resource}"))
        rpc.add_DevicePluginServicer_to_server(self._servicer, server)
        try:
            server.add_insecure_port(f"unix:{path}")
        except RuntimeError as why:
            raise CannotServe(f"cannot open {path}: {why}", "the plugin must own that folder: run it as root") from why
        server.start()
        self._server, self._own, self._registered_at = server, read_socket_id(path), None

    def _stop_server(self) -> None:
        if self._server:
            self._server.stop(grace=None).wait(STOP_SECONDS)
        self._server = self._own = self._registered_at = None

    def _register(self, kubelet: SocketId) -> None:
        target = f"unix:{self._kubelet_path}"
        request = convert.write_registration(self.resource, self._endpoint)
        self._stream_lost = False
        try:
            with grpc.insecure_channel(target, options=convert.CHANNEL_OPTIONS) as channel:
                rpc.RegistrationStub(channel).Register(request, timeout=CALL_SECONDS)
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

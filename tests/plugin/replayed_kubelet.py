"""The kubelet's side of the device plugin API, replayed: a real gRPC server on a real socket, without a kubelet.

It does what the kubelet does, in the kubelet's order: at start it deletes every socket in its folder; inside Register
it dials back and asks for the options; then it opens ListAndWatch once and never again.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from airgate_protocols import deviceplugin_pb2 as pb
from airgate_protocols import deviceplugin_pb2_grpc as rpc

SOCKET = "kubelet.sock"
CALL_SECONDS = 5.0


@dataclass
class Endpoint:
    """One registered resource: how it introduced itself, and the lists it sent."""

    request: pb.RegisterRequest
    channel: grpc.Channel
    stub: rpc.DevicePluginStub
    options: pb.DevicePluginOptions
    lists: list[dict[str, pb.Device]] = field(default_factory=list)
    is_open: bool = True


class ReplayedKubelet(rpc.RegistrationServicer):
    """Plays the kubelet in `folder`; can die and come back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.endpoints: dict[str, Endpoint] = {}
        self.registrations = 0
        self._changed = threading.Condition()
        self._server: grpc.Server | None = None
        self._watchers: list[threading.Thread] = []

    def start(self) -> None:
        """Delete every socket in the folder and serve on a new kubelet.sock."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in self.folder.iterdir():
            if path.is_socket():
                path.unlink()
        self._server = grpc.server(ThreadPoolExecutor(4))
        rpc.add_RegistrationServicer_to_server(self, self._server)
        self._server.add_insecure_port(f"unix:{self.folder / SOCKET}")
        self._server.start()

    def stop(self) -> None:
        """Die: every stream breaks, the socket stays as a file without anybody behind it or vanishes."""
        if self._server:
            self._server.stop(None).wait(CALL_SECONDS)
            self._server = None
        for endpoint in list(self.endpoints.values()):
            endpoint.channel.close()
        for watcher in self._watchers:
            watcher.join(CALL_SECONDS)
        self._watchers.clear()
        self.endpoints.clear()

    def restart(self) -> None:
        """Die and come back at once."""
        self.stop()
        self.start()

    def Register(self, request: pb.RegisterRequest, context: grpc.ServicerContext) -> pb.Empty:
        """Dial back before answering, as the kubelet does."""
        if request.version != "v1beta1":
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"unsupported API version {request.version}")
        channel = grpc.insecure_channel(
            f"unix:{self.folder / request.endpoint}", options=[("grpc.default_authority", "localhost")]
        )
        stub = rpc.DevicePluginStub(channel)
        options = stub.GetDevicePluginOptions(pb.Empty(), timeout=CALL_SECONDS)
        endpoint = Endpoint(request, channel, stub, options)
        with self._changed:
            self.registrations += 1
            self.endpoints[request.resource_name] = endpoint
        watcher = threading.Thread(target=self._watch, args=(endpoint,), daemon=True)
        self._watchers.append(watcher)
        watcher.start()
        return pb.Empty()

    def wait_list(self, resource: str, wanted: object, seconds: float = 20.0) -> dict[str, pb.Device]:
        """Wait until the latest list of `resource` fulfils `wanted` (a function of it) and return it."""
        assert callable(wanted)

        def is_there() -> bool:
            endpoint = self.endpoints.get(resource)
            return bool(endpoint and endpoint.is_open and endpoint.lists and wanted(endpoint.lists[-1]))

        with self._changed:
            assert self._changed.wait_for(is_there, seconds), self._explain(resource)
            return self.endpoints[resource].lists[-1]

    def wait_end(self, endpoint: Endpoint, seconds: float = 20.0) -> None:
        """Wait until the plugin itself has ended the stream of an endpoint."""
        with self._changed:
            assert self._changed.wait_for(lambda: not endpoint.is_open, seconds), "the stream is still open"

    def cut_stream(self, resource: str) -> None:
        """Lose the stream of one resource while the kubelet lives on."""
        self.endpoints.pop(resource).channel.close()

    def allocate(self, resource: str, *containers: list[str]) -> pb.AllocateResponse:
        """Ask for devices, one list of ids a container."""
        request = pb.AllocateRequest(
            container_requests=[pb.ContainerAllocateRequest(devices_ids=ids) for ids in containers]
        )
        return self.endpoints[resource].stub.Allocate(request, timeout=CALL_SECONDS)

    def _watch(self, endpoint: Endpoint) -> None:
        try:
            for message in endpoint.stub.ListAndWatch(pb.Empty()):
                with self._changed:
                    endpoint.lists.append({device.ID: device for device in message.devices})
                    self._changed.notify_all()
        except (grpc.RpcError, ValueError):
            pass
        with self._changed:
            endpoint.is_open = False
            self._changed.notify_all()

    def _explain(self, resource: str) -> str:
        endpoint = self.endpoints.get(resource)
        if not endpoint:
            return f"{resource} never registered; there are {list(self.endpoints)}"
        return f"{resource}: open {endpoint.is_open}, last list {endpoint.lists[-1:]}"

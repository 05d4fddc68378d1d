"""The Registration service on kubelet.sock: a plugin registers, and is dialled back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc

from airgate_protocols import deviceplugin_pb2 as pb
from airgate_protocols import deviceplugin_pb2_grpc as rpc

VERSION = "v1beta1"
SOCKET = "kubelet.sock"


class Registration(rpc.RegistrationServicer):
    """Takes a plugin in when what it says can be true; refuses with a sentence otherwise."""

    def __init__(self, folder: Path, on_plugin: Callable[[str, Path], None]) -> None:
        self.folder = folder
        self.on_plugin = on_plugin

    async def Register(self, request: pb.RegisterRequest, context: Any) -> pb.Empty:  # noqa: N802 -- the protocol's
        """Answer Empty once the plugin's socket is known; INVALID_ARGUMENT otherwise."""
        reason = explain_refusal(request, self.folder)
        if reason:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, reason)
        self.on_plugin(request.resource_name, self.folder / request.endpoint)
        return pb.Empty()


def explain_refusal(request: pb.RegisterRequest, folder: Path) -> str:
    """Return why a plugin cannot register, or ""."""
    if request.version != VERSION:
        return f"version {request.version!r} is not spoken here, {VERSION} is"
    if "/" not in request.resource_name:
        return f"resource name {request.resource_name!r} has no domain, for example qualcomm.com/qaic"
    if not request.endpoint or Path(request.endpoint).name != request.endpoint:
        return f"endpoint {request.endpoint!r} is not a file name"
    if not (folder / request.endpoint).is_socket():
        return f"no socket {request.endpoint} in {folder}: serve before you register"
    return ""


async def start_registration(folder: Path, on_plugin: Callable[[str, Path], None]) -> grpc.aio.Server:
    """Remove the sockets of the last run, as the kubelet does at start, and serve kubelet.sock."""
    for path in folder.iterdir():
        if path.is_socket():
            path.unlink()
    server = grpc.aio.server()
    rpc.add_RegistrationServicer_to_server(Registration(folder, on_plugin), server)
    server.add_insecure_port(f"unix:{folder / SOCKET}")
    await server.start()
    return server

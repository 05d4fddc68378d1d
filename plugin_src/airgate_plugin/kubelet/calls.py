"""The two calls that go out of the plugin over a socket: to the kubelet, and to whoever may serve our socket's name."""

from pathlib import Path
from typing import Any

import grpc

from airgate_plugin.kubelet import convert
from airgate_protocols import deviceplugin_pb2 as pb
from airgate_protocols import deviceplugin_pb2_grpc as rpc

CALL_SECONDS = 5.0  # the kubelet dials back within Register, so its answer takes a moment
ANSWER_SECONDS = 1.0


async def register(kubelet: Path, resource: str, endpoint: str) -> None:
    """Tell the kubelet at a socket of a resource and of the socket's name at which it is served.

    Raises grpc.RpcError where it does not take it.
    """
    make_stub: Any = rpc.RegistrationStub  # typed for threads alone
    request = convert.write_registration(resource, endpoint)
    async with grpc.aio.insecure_channel(f"unix:{kubelet}", options=convert.CHANNEL_OPTIONS) as channel:
        await make_stub(channel).Register(request, timeout=CALL_SECONDS)


async def is_answered(path: Path) -> bool:
    """Return whether a plugin that lives answers at a socket; one that died leaves its file behind."""
    make_stub: Any = rpc.DevicePluginStub  # typed for threads alone
    async with grpc.aio.insecure_channel(f"unix:{path}", options=convert.CHANNEL_OPTIONS) as channel:
        try:
            await make_stub(channel).GetDevicePluginOptions(pb.Empty(), timeout=ANSWER_SECONDS)
        except grpc.RpcError:
            return False
        return True

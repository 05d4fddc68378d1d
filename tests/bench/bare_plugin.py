"""A device plugin of grpcio and nothing else, in a process of its own: what no plugin in Python stays under.

    python -m tests.bench.bare_plugin SOCKET

Answers every call with an empty message, and keeps a stream open, as the kubelet has one.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc

from airgate_protocols import deviceplugin_pb2 as pb
from airgate_protocols import deviceplugin_pb2_grpc as rpc


class Bare(rpc.DevicePluginServicer):
    """Knows no device."""

    async def Allocate(self, request: pb.AllocateRequest, context: Any) -> pb.AllocateResponse:
        """Grant nothing."""
        return pb.AllocateResponse()

    async def ListAndWatch(self, request: pb.Empty, context: Any) -> AsyncIterator[pb.ListAndWatchResponse]:
        """Send one empty list and no more."""
        yield pb.ListAndWatchResponse()
        await asyncio.Event().wait()


async def serve(path: str) -> None:
    """Serve on a socket until the process is killed."""
    server = grpc.aio.server()
    rpc.add_DevicePluginServicer_to_server(Bare(), server)
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))

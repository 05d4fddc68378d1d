"""A device plugin of grpcio and nothing else, in a process of its own: what no plugin in Python stays under.

    python -m tests.bench.bare_plugin SOCKET

Answers every call with an empty message, and keeps a stream open, as the kubelet has one.
"""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc

from airgate_protocols import deviceplugin_pb2 as pb
from airgate_protocols import deviceplugin_pb2_grpc as rpc


class Bare(rpc.DevicePluginServicer):
    """Knows no device."""

    def Allocate(self, request: pb.AllocateRequest, context: grpc.ServicerContext) -> pb.AllocateResponse:
        """Grant nothing."""
        return pb.AllocateResponse()

    def ListAndWatch(self, request: pb.Empty, context: grpc.ServicerContext) -> Iterator[pb.ListAndWatchResponse]:
        """Send one empty list and no more."""
        yield pb.ListAndWatchResponse()
        threading.Event().wait()


if __name__ == "__main__":
    server = grpc.server(ThreadPoolExecutor(8))
    rpc.add_DevicePluginServicer_to_server(Bare(), server)
    server.add_insecure_port(f"unix:{sys.argv[1]}")
    server.start()
    threading.Event().wait()  # gRPC's own waiting wakes five times a second

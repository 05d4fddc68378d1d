# Types of deviceplugin_pb2_grpc.py, by hand: protoc writes none for services.
# A servicer answers from threads or from an event loop, each with a context of its own; a stub is typed for threads.
# ruff: noqa: N802
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any

import grpc

from airgate_protocols import deviceplugin_pb2 as pb

class RegistrationStub:
    Register: grpc.UnaryUnaryMultiCallable[pb.RegisterRequest, pb.Empty]
    def __init__(self, channel: grpc.Channel) -> None: ...

class RegistrationServicer:
    def Register(self, request: pb.RegisterRequest, context: Any) -> pb.Empty | Awaitable[pb.Empty]: ...

def add_RegistrationServicer_to_server(
    servicer: RegistrationServicer, server: grpc.Server | grpc.aio.Server
) -> None: ...

class DevicePluginStub:
    GetDevicePluginOptions: grpc.UnaryUnaryMultiCallable[pb.Empty, pb.DevicePluginOptions]
    ListAndWatch: grpc.UnaryStreamMultiCallable[pb.Empty, pb.ListAndWatchResponse]
    GetPreferredAllocation: grpc.UnaryUnaryMultiCallable[pb.PreferredAllocationRequest, pb.PreferredAllocationResponse]
    Allocate: grpc.UnaryUnaryMultiCallable[pb.AllocateRequest, pb.AllocateResponse]
    PreStartContainer: grpc.UnaryUnaryMultiCallable[pb.PreStartContainerRequest, pb.PreStartContainerResponse]
    def __init__(self, channel: grpc.Channel) -> None: ...

class DevicePluginServicer:
    def GetDevicePluginOptions(
        self, request: pb.Empty, context: Any
    ) -> pb.DevicePluginOptions | Awaitable[pb.DevicePluginOptions]: ...
    def ListAndWatch(
        self, request: pb.Empty, context: Any
    ) -> Iterator[pb.ListAndWatchResponse] | AsyncIterator[pb.ListAndWatchResponse]: ...
    def GetPreferredAllocation(
        self, request: pb.PreferredAllocationRequest, context: Any
    ) -> pb.PreferredAllocationResponse | Awaitable[pb.PreferredAllocationResponse]: ...
    def Allocate(
        self, request: pb.AllocateRequest, context: Any
    ) -> pb.AllocateResponse | Awaitable[pb.AllocateResponse]: ...
    def PreStartContainer(
        self, request: pb.PreStartContainerRequest, context: Any
    ) -> pb.PreStartContainerResponse | Awaitable[pb.PreStartContainerResponse]: ...

def add_DevicePluginServicer_to_server(
    servicer: DevicePluginServicer, server: grpc.Server | grpc.aio.Server
) -> None: ...

# Types of open_inference_pb2_grpc.py, by hand: protoc writes none for services.
# ruff: noqa: N802
# A servicer may answer at once (a threaded server) or with a coroutine (grpc.aio): hence the unions and the Any.
import collections.abc
from typing import Any

import grpc
import grpc.aio

from airgate_protocols import open_inference_pb2 as pb

class GRPCInferenceServiceStub:
    ServerLive: grpc.UnaryUnaryMultiCallable[pb.ServerLiveRequest, pb.ServerLiveResponse]
    ServerReady: grpc.UnaryUnaryMultiCallable[pb.ServerReadyRequest, pb.ServerReadyResponse]
    ModelReady: grpc.UnaryUnaryMultiCallable[pb.ModelReadyRequest, pb.ModelReadyResponse]
    ServerMetadata: grpc.UnaryUnaryMultiCallable[pb.ServerMetadataRequest, pb.ServerMetadataResponse]
    ModelMetadata: grpc.UnaryUnaryMultiCallable[pb.ModelMetadataRequest, pb.ModelMetadataResponse]
    ModelInfer: grpc.UnaryUnaryMultiCallable[pb.ModelInferRequest, pb.ModelInferResponse]
    def __init__(self, channel: grpc.Channel) -> None: ...

class GRPCInferenceServiceServicer:
    def ServerLive(
        self, request: pb.ServerLiveRequest, context: Any
    ) -> pb.ServerLiveResponse | collections.abc.Awaitable[pb.ServerLiveResponse]: ...
    def ServerReady(
        self, request: pb.ServerReadyRequest, context: Any
    ) -> pb.ServerReadyResponse | collections.abc.Awaitable[pb.ServerReadyResponse]: ...
    def ModelReady(
        self, request: pb.ModelReadyRequest, context: Any
    ) -> pb.ModelReadyResponse | collections.abc.Awaitable[pb.ModelReadyResponse]: ...
    def ServerMetadata(
        self, request: pb.ServerMetadataRequest, context: Any
    ) -> pb.ServerMetadataResponse | collections.abc.Awaitable[pb.ServerMetadataResponse]: ...
    def ModelMetadata(
        self, request: pb.ModelMetadataRequest, context: Any
    ) -> pb.ModelMetadataResponse | collections.abc.Awaitable[pb.ModelMetadataResponse]: ...
    def ModelInfer(
        self, request: pb.ModelInferRequest, context: Any
    ) -> pb.ModelInferResponse | collections.abc.Awaitable[pb.ModelInferResponse]: ...

def add_GRPCInferenceServiceServicer_to_server(
    servicer: GRPCInferenceServiceServicer, server: grpc.Server | grpc.aio.Server
) -> None: ...

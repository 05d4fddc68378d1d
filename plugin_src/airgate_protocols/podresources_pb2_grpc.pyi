# Types of podresources_pb2_grpc.py, by hand: protoc writes none for services.
# ruff: noqa: N802
import grpc

from airgate_protocols import podresources_pb2 as pb

class PodResourcesListerStub:
    List: grpc.UnaryUnaryMultiCallable[pb.ListPodResourcesRequest, pb.ListPodResourcesResponse]
    GetAllocatableResources: grpc.UnaryUnaryMultiCallable[
        pb.AllocatableResourcesRequest, pb.AllocatableResourcesResponse
    ]
    def __init__(self, channel: grpc.Channel) -> None: ...

class PodResourcesListerServicer:
    def List(
        self, request: pb.ListPodResourcesRequest, context: grpc.ServicerContext
    ) -> pb.ListPodResourcesResponse: ...
    def GetAllocatableResources(
        self, request: pb.AllocatableResourcesRequest, context: grpc.ServicerContext
    ) -> pb.AllocatableResourcesResponse: ...

def add_PodResourcesListerServicer_to_server(servicer: PodResourcesListerServicer, server: grpc.Server) -> None: ...

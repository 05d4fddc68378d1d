"""The ceiling of gRPC: grpcio's own asyncio server that answers every ModelInfer alike; `python -m … PORT`."""

import asyncio
import sys
from typing import Any

import grpc

from airgate_protocols import open_inference_pb2 as pb
from airgate_protocols import open_inference_pb2_grpc as rpc

Output = pb.ModelInferResponse.InferOutputTensor
ANSWER = pb.ModelInferResponse(
    model_name="digits",
    model_version="1",
    outputs=[
        Output(name="label", datatype="INT64", shape=[1]),
        Output(name="probabilities", datatype="FP32", shape=[1, 10]),
    ],
    raw_output_contents=[bytes(8), bytes(40)],
)


class Echo(rpc.GRPCInferenceServiceServicer):
    """Answers without looking."""

    async def ModelInfer(self, request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
        """Answer every request alike."""
        return ANSWER


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    server = grpc.aio.server()
    rpc.add_GRPCInferenceServiceServicer_to_server(Echo(), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))

"""The ceilings of gRPC: grpcio's own asyncio server, `python -m … PORT [MODEL]`.

Without a model it answers every ModelInfer alike; with one it runs it on the first input by ONNX Runtime, and does
nothing else: no check, no queue, no metric.
"""

import asyncio
import sys
from typing import Any

import grpc
import numpy as np
import onnxruntime

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


class Lean(rpc.GRPCInferenceServiceServicer):
    """Runs a model of floats."""

    def __init__(self, model: str) -> None:
        """Open the file for one thread."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(model, options)
        self._names = [output.name for output in self._session.get_outputs()]

    async def ModelInfer(self, request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
        """Answer in raw tensors."""
        (asked,) = request.inputs
        array = np.frombuffer(request.raw_input_contents[0], np.float32).reshape(asked.shape)
        response = pb.ModelInferResponse(model_name=request.model_name, model_version="1")
        for name, output in zip(self._names, self._session.run(self._names, {asked.name: array}), strict=True):
            datatype = "FP32" if output.dtype == np.float32 else "INT64"
            response.outputs.add(name=name, datatype=datatype, shape=output.shape)
            response.raw_output_contents.append(output.tobytes())
        return response


async def serve(port: int, *model: str) -> None:
    """Serve until the process is ended."""
    server = grpc.aio.server()
    rpc.add_GRPCInferenceServiceServicer_to_server(Lean(*model) if model else Echo(), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), *sys.argv[2:]))

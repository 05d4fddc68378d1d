"""The gRPC server itself: one port, in the same loop as everything else."""

import grpc

from airgate_protocols import open_inference_pb2_grpc as service
from airgate_serving.errors import BadConfiguration
from airgate_serving.rpc.servicer import InferenceServicer


class GrpcServer:
    """A server from `open` to `stop`."""

    def __init__(self, servicer: InferenceServicer, most_bytes: int) -> None:
        """Serve the servicer's calls; a message may have `most_bytes`. Make it inside the loop."""
        options = [
            ("grpc.so_reuseport", 0),  # so that a taken port is an error
            ("grpc.max_receive_message_length", most_bytes),
            ("grpc.max_send_message_length", -1),
        ]
        self._server = grpc.aio.server(options=options)
        service.add_GRPCInferenceServiceServicer_to_server(servicer, self._server)

    async def open(self, host: str, port: int) -> int:
        """Bind and serve; return the port, a free one for 0. Raises BadConfiguration when it is taken."""
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            bound = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise BadConfiguration(
                f"Cannot listen on {address} for gRPC: the port is taken or not allowed.", "Choose another --grpc-port."
            ) from error
        await self._server.start()
        return int(bound)

    async def stop(self, seconds: float) -> None:
        """Take no new calls, let the ones inside end within so many seconds, and close."""
        await self._server.stop(seconds)

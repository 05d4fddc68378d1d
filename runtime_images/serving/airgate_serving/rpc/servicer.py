"""The six calls of Open Inference over gRPC, ten lines each."""

# ruff: noqa: N802 - the calls have the names that the protocol gives them

import hmac
from collections.abc import Callable
from typing import Any

from airgate_kit import logs
from airgate_kit.names import HEADER_GATE, HEADER_MODEL_DIGEST, HEADER_REQUEST_ID
from airgate_protocols import open_inference_pb2 as pb
from airgate_protocols import open_inference_pb2_grpc as service
from airgate_serving.engine.dataplane import DataPlane
from airgate_serving.engine.meter import PREDICT
from airgate_serving.engine.models import Models
from airgate_serving.engine.seen import Seen, Watch
from airgate_serving.errors import GateClosed, ServingError, UnknownModel
from airgate_serving.rpc.convert import describe_model, read_request, write_response
from airgate_serving.rpc.failures import RETRY_AFTER, find_status

DOOR = "grpc"
log = logs.get("airgate_serving.rpc")
Context = Any  # grpc.aio.ServicerContext, whose stubs lack most of it


class InferenceServicer(service.GRPCInferenceServiceServicer):
    """Answers for the models of a process. A secret, where there is one, is asked of every call."""

    def __init__(
        self,
        models: Models,
        server: tuple[str, str],
        gate_secret: str,
        monotonic: Callable[[], float],
        watch: Watch | None = None,
    ) -> None:
        """Answer for `models` as the server of this name and version; `watch` is told of every inference."""
        self._watch = watch
        self._models = models
        self._server = server
        self._secret = gate_secret.encode()
        self._monotonic = monotonic

    async def ServerLive(self, _: pb.ServerLiveRequest, context: Context) -> pb.ServerLiveResponse:
        """Say that the process answers."""
        await self._admit(context)
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, _: pb.ServerReadyRequest, context: Context) -> pb.ServerReadyResponse:
        """Say whether requests should be sent here."""
        await self._admit(context)
        return pb.ServerReadyResponse(ready=self._models.is_ready())

    async def ModelReady(self, request: pb.ModelReadyRequest, context: Context) -> pb.ModelReadyResponse:
        """Say the same of one model."""
        await self._admit(context)
        plane = await self._find_plane(request.name, request.version, context)
        return pb.ModelReadyResponse(ready=plane.is_ready())

    async def ServerMetadata(self, _: pb.ServerMetadataRequest, context: Context) -> pb.ServerMetadataResponse:
        """Say what this server is."""
        await self._admit(context)
        return pb.ServerMetadataResponse(name=self._server[0], version=self._server[1])

    async def ModelMetadata(self, request: pb.ModelMetadataRequest, context: Context) -> pb.ModelMetadataResponse:
        """Say what the model takes and gives, and where it computes."""
        await self._admit(context)
        plane = await self._find_plane(request.name, request.version, context)
        try:
            info = plane.info
        except ServingError as error:
            return await self._refuse(error, context)  # type: ignore[no-any-return]
        properties = {"device": info.device, "granted": plane.model.granted, "digest": plane.model.digest}
        return describe_model(info, plane.model.name, plane.model.version, properties)

    async def ModelInfer(self, request: pb.ModelInferRequest, context: Context) -> pb.ModelInferResponse:
        """Run the model."""
        await self._admit(context)
        plane = await self._find_plane(request.model_name, request.model_version, context)
        begin = self._monotonic()
        try:
            response = await self._infer(request, plane)
        except ServingError as error:
            self._note(request, plane, find_status(error).value[0], begin, context)
            return await self._refuse(error, context)  # type: ignore[no-any-return]
        self._note(request, plane, 0, begin, context)
        return response

    def _note(
        self, request: pb.ModelInferRequest, plane: DataPlane, status: int, begin: float, context: Context
    ) -> None:
        """Count an inference, and tell whoever watches."""
        plane.meter.count_request(DOOR, "infer", status)
        if self._watch:
            sent = dict(context.invocation_metadata() or ())
            request_id = str(sent.get(HEADER_REQUEST_ID, request.id))
            seconds = self._monotonic() - begin
            body = request.SerializeToString
            self._watch(Seen(DOOR, "ModelInfer", status, request_id, seconds, body, plane.model.name))

    async def _infer(self, request: pb.ModelInferRequest, plane: DataPlane) -> pb.ModelInferResponse:
        monotonic = self._monotonic
        begin = monotonic()
        tensors = read_request(request, plane.info.signature)
        decoded = monotonic()
        outputs = await plane.infer(tensors)
        inferred = monotonic()
        response = write_response(outputs, request, plane.model.name, plane.model.version)
        plane.meter.find_stages(PREDICT)["codec"].observe(decoded - begin + monotonic() - inferred)
        return response

    async def _admit(self, context: Context) -> None:
        """Compare the gate's secret, and name file and request in the answer's metadata."""
        sent = dict(context.invocation_metadata() or ())
        context.set_trailing_metadata(_name_answer(self._models.first, sent))
        if self._secret and not hmac.compare_digest(_to_bytes(sent.get(HEADER_GATE, b"")), self._secret):
            await self._refuse(GateClosed("This runtime answers only what comes through the gateway."), context)

    async def _find_plane(self, name: str, version: str, context: Context) -> DataPlane:
        """Return the plane of a name, and name its file in the answer; refuse a name or version that is not here."""
        plane = self._models.find(name)
        if plane is None or version not in ("", plane.model.version):
            sentence = f"There is no model {name[:60]!r} of version {version[:20]!r} here."
            there = ", ".join(f"{one.model.name}, version {one.model.version}" for one in self._models.planes)
            await self._refuse(UnknownModel(sentence, f"There is {there}."), context)
        assert plane is not None  # a refusal never returns
        if plane is not self._models.first:
            context.set_trailing_metadata(_name_answer(plane, dict(context.invocation_metadata() or ())))
        return plane

    async def _refuse(self, error: ServingError, context: Context) -> Any:
        """End the call with the error's status and words, and when to come again; never returns."""
        if error.code in RETRY_AFTER:
            named = _name_answer(self._models.first, dict(context.invocation_metadata() or ()))
            context.set_trailing_metadata((*named, ("retry-after", RETRY_AFTER[error.code])))
        await context.abort(find_status(error), str(error))


def _name_answer(plane: DataPlane, sent: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Return the metadata that name the model's file and the request."""
    answer = [(HEADER_MODEL_DIGEST, plane.model.digest)] if plane.model.digest else []
    if HEADER_REQUEST_ID in sent:
        answer.append((HEADER_REQUEST_ID, sent[HEADER_REQUEST_ID]))
    return tuple(answer)


def _to_bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()

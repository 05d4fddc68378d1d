"""The six calls of Open Inference over gRPC, ten lines each."""

# ruff: noqa: N802 - the calls have the names that the protocol gives them

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airgate_kit import logs
from airgate_kit.names import HEADER_GATE, HEADER_MODEL_DIGEST, HEADER_REQUEST_ID
from airgate_protocols import open_inference_pb2 as pb
from airgate_protocols import open_inference_pb2_grpc as service
from airgate_serving.engine.dataplane import DataPlane
from airgate_serving.engine.meter import PREDICT
from airgate_serving.engine.models import Models
from airgate_serving.engine.seen import Seen, Watch
from airgate_serving.engine.trace import CODEC, Follow, Trace
from airgate_serving.errors import GateClosed, ServingError, UnknownModel
from airgate_serving.rpc.convert import (
    describe_functions,
    describe_model,
    describe_texts,
    read_request,
    write_response,
)
from airgate_serving.rpc.failures import RETRY_AFTER, find_status, read_end

DOOR, INFER = "grpc", "ModelInfer"
log = logs.get("airgate_serving.rpc")
Context = Any  # grpc.aio.ServicerContext, whose stubs lack most of it


@dataclass(frozen=True, slots=True)
class _Call:
    """One inference, from its first moment on."""

    request: pb.ModelInferRequest
    context: Context
    begin: float
    trace: Trace | None


class InferenceServicer(service.GRPCInferenceServiceServicer):
    """Answers for the models of a process. A secret, where there is one, is asked of every call."""

    def __init__(
        self,
        models: Models,
        server: tuple[str, str],
        gate_secret: str,
        monotonic: Callable[[], float],
        watch: Watch | None = None,
        follow: Follow | None = None,
    ) -> None:
        """Answer for `models` as the server of this name and version.

        `watch` is told of every inference; `follow` is asked whether to follow it.
        """
        self._watch, self._follow = watch, follow
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
        properties |= describe_texts(info.signature) | describe_functions(info)
        return describe_model(info, plane.model.name, plane.model.version, properties)

    async def ModelInfer(self, request: pb.ModelInferRequest, context: Context) -> pb.ModelInferResponse:
        """Run the model."""
        if self._watch is None:
            return await self._answer(_Call(request, context, 0.0, None))
        begin, sent = self._monotonic(), dict(context.invocation_metadata() or ())
        trace = self._follow(INFER, sent.get) if self._follow is not None else None
        call = _Call(request, context, begin, trace)
        try:
            response = await self._answer(call)
        except (Exception, asyncio.CancelledError) as error:
            self._tell(call, sent, read_end(error, context), self._watch)
            raise
        self._tell(call, sent, 0, self._watch)
        return response

    async def _answer(self, call: _Call) -> pb.ModelInferResponse:
        request, context = call.request, call.context
        await self._admit(context)
        plane = await self._find_plane(request.model_name, request.model_version, context)
        try:
            response = await self._infer(request, plane, call.trace)
        except ServingError as error:
            plane.meter.count_request(DOOR, "infer", find_status(error).value[0])
            return await self._refuse(error, context)  # type: ignore[no-any-return]
        plane.meter.count_request(DOOR, "infer", 0)
        return response

    def _tell(self, call: _Call, sent: dict[str, Any], status: int, watch: Watch) -> None:
        """Tell whoever watches how an inference ended."""
        request_id = str(sent.get(HEADER_REQUEST_ID, call.request.id))
        seconds, body = self._monotonic() - call.begin, call.request.SerializeToString
        watch(Seen(DOOR, INFER, status, request_id, seconds, body, call.request.model_name, trace=call.trace))

    async def _infer(
        self, request: pb.ModelInferRequest, plane: DataPlane, trace: Trace | None
    ) -> pb.ModelInferResponse:
        monotonic = self._monotonic
        begin = monotonic()
        tensors = read_request(request, plane.signature)
        decoded = monotonic()
        if trace is not None:
            trace.note(CODEC, begin, decoded)
        outputs = await plane.infer(tensors, trace)
        inferred = monotonic()
        response = write_response(outputs, request, plane.model.name, plane.model.version)
        encoded = monotonic()
        plane.meter.find_stages(PREDICT)["codec"].observe(decoded - begin + encoded - inferred)
        if trace is not None:
            trace.note(CODEC, inferred, encoded)
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

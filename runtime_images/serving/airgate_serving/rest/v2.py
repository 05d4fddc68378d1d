"""Open Inference v2: https://github.com/kserve/open-inference-protocol."""

from collections.abc import Callable
from typing import Any

from airgate_serving.codecs.v2_json import (
    CONTENT_BINARY,
    HEADER_JSON_LENGTH,
    InferRequest,
    decode_request,
    describe_signature,
    encode_answer,
)
from airgate_serving.engine.dataplane import DataPlane
from airgate_serving.engine.meter import PREDICT
from airgate_serving.engine.trace import CODEC, Trace
from airgate_serving.errors import ServingError
from airgate_serving.rest.door import Exchange, Request
from airgate_serving.rest.failures import STATUS, Answer, write_json
from airgate_serving.tensors import Tensors

EXTENSIONS = ["binary_tensor_data"]
DOOR = "v2"


class V2Door:
    """The handlers of /v2."""

    def __init__(self, plane: DataPlane, server: tuple[str, str], monotonic: Callable[[], float]) -> None:
        """Answer for `plane` as the server of this name and version; codec times are taken by `monotonic`."""
        self._plane = plane
        self._server = server
        self._monotonic = monotonic
        self._observe_codec = plane.meter.find_stages(PREDICT)["codec"].observe

    async def describe_server(self, _: Request) -> Answer:
        """GET /v2."""
        return write_json({"name": self._server[0], "version": self._server[1], "extensions": EXTENSIONS})

    async def tell_live(self, _: Request) -> Answer:
        """GET /v2/health/live."""
        return write_json({"live": True})

    async def tell_ready(self, _: Request) -> Answer:
        """GET /v2/health/ready and /v2/models/M/ready: 200 or 503, and the state in words."""
        ready = self._plane.is_ready()
        body = {"ready": ready, "name": self._plane.model.name, "state": self._plane.admission.state}
        return write_json(body, 200 if ready else 503)

    async def describe_model(self, _: Request) -> Answer:
        """GET /v2/models/M: the signature, where the model computes and what it was granted."""
        return write_json(describe_model(self._plane))

    def infer(self, request: Request, exchange: Exchange) -> None:
        """POST /v2/models/M/infer: decode and queue. Raises what can be known by then; the answer comes later."""
        plane, trace, begin = self._plane, request.trace, self._monotonic()
        try:
            wish = decode_request(request.body, plane.signature, request.headers.get(HEADER_JSON_LENGTH))
            decoded = self._monotonic()
            if trace is not None:
                trace.note(CODEC, begin, decoded)
            plane.queue(_Inference(self, exchange, wish, trace, decoded - begin), wish.tensors, trace)
        except ServingError as error:
            self.count(STATUS.get(error.code, 500))
            raise

    def write(self, outputs: Tensors, wish: InferRequest, trace: Trace | None, spent: float) -> Answer:
        """Return the answer that has the outputs. spent: seconds of the codec so far."""
        begin, model = self._monotonic(), self._plane.model
        answer = encode_answer(outputs, wish, model.name, model.version)
        end = self._monotonic()
        self._observe_codec(spent + end - begin)
        if trace is not None:
            trace.note(CODEC, begin, end)
        if answer.json_length is None:
            return Answer(200, answer.body)
        return Answer(200, answer.body, CONTENT_BINARY, ((HEADER_JSON_LENGTH, str(answer.json_length)),))

    def leave(self) -> None:
        """Let a request out that was queued."""
        self._plane.admission.leave()

    def count(self, status: int) -> None:
        """Count an answered request."""
        self._plane.meter.count_request(DOOR, "infer", status)


class _Inference:
    """A request in the queue: the outputs go by it to whoever asked, without a future and a task."""

    __slots__ = ("_door", "_exchange", "_is_done", "_spent", "_trace", "_wish")

    def __init__(self, door: V2Door, exchange: Exchange, wish: InferRequest, trace: Trace | None, spent: float) -> None:
        self._door, self._exchange, self._wish, self._trace, self._spent = door, exchange, wish, trace, spent
        self._is_done = False

    def done(self) -> bool:
        return self._is_done

    def set_result(self, outputs: Tensors) -> None:
        self._is_done = True
        self._door.leave()
        try:
            answer = self._door.write(outputs, self._wish, self._trace, self._spent)
        except Exception as error:  # noqa: BLE001 - the others of the batch are owed their answers
            self._refuse(error)
            return
        self._door.count(200)
        self._exchange.answer(answer)

    def set_exception(self, error: Exception) -> None:
        self._is_done = True
        self._door.leave()
        self._refuse(error)

    def _refuse(self, error: Exception) -> None:
        if isinstance(error, ServingError):
            self._door.count(STATUS.get(error.code, 500))
        self._exchange.refuse(error)


def describe_model(plane: DataPlane) -> dict[str, Any]:
    """Return the model's metadata."""
    info, model = plane.info, plane.model
    parameters = {"device": info.device, "engine": info.engine, "granted": model.granted, "digest": model.digest}
    further = {name: describe_signature(signature) for name, signature in info.further.items()}
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": info.platform,
        **describe_signature(info.signature),
        "parameters": {**parameters, "task": info.signature.task, **({"functions": further} if further else {})},
    }

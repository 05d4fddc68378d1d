"""Open Inference v2: https://github.com/kserve/open-inference-protocol."""

from collections.abc import Callable
from typing import Any

from airgate_serving.codecs.v2_json import (
    CONTENT_BINARY,
    HEADER_JSON_LENGTH,
    decode_request,
    describe_tensor,
    encode_answer,
)
from airgate_serving.engine.dataplane import DataPlane
from airgate_serving.engine.meter import PREDICT
from airgate_serving.engine.trace import CODEC
from airgate_serving.errors import ServingError
from airgate_serving.rest.failures import STATUS, Answer, write_json
from airgate_serving.rest.server import Request

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

    async def infer(self, request: Request) -> Answer:
        """POST /v2/models/M/infer."""
        plane, monotonic, trace = self._plane, self._monotonic, request.trace
        try:
            begin = monotonic()
            wish = decode_request(request.body, plane.info.signature, request.headers.get(HEADER_JSON_LENGTH))
            decoded = monotonic()
            if trace is not None:
                trace.note(CODEC, begin, decoded)
            outputs = await plane.infer(wish.tensors, trace)
            inferred = monotonic()
            answer = encode_answer(outputs, wish, plane.model.name, plane.model.version)
            encoded = monotonic()
        except ServingError as error:
            plane.meter.count_request(DOOR, "infer", STATUS.get(error.code, 500))
            raise
        self._observe_codec(decoded - begin + encoded - inferred)
        if trace is not None:
            trace.note(CODEC, inferred, encoded)
        plane.meter.count_request(DOOR, "infer", 200)
        if answer.json_length is None:
            return Answer(200, answer.body)
        return Answer(200, answer.body, CONTENT_BINARY, ((HEADER_JSON_LENGTH, str(answer.json_length)),))


def describe_model(plane: DataPlane) -> dict[str, Any]:
    """Return the model's metadata."""
    info, model = plane.info, plane.model
    parameters = {"device": info.device, "engine": info.engine, "granted": model.granted, "digest": model.digest}
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": info.platform,
        "inputs": [describe_tensor(spec) for spec in info.signature.inputs],
        "outputs": [describe_tensor(spec) for spec in info.signature.outputs],
        "parameters": {**parameters, "task": info.signature.task},
    }

"""The records/split contract: POST /predict."""

from collections.abc import Callable

from airgate_serving.codecs.calls import read_call, write_result
from airgate_serving.codecs.forms import CONTENT_FORM, decode_form
from airgate_serving.codecs.records import Table, decode_records, encode_result
from airgate_serving.engine.dataplane import DataPlane
from airgate_serving.engine.meter import PREDICT
from airgate_serving.engine.trace import CODEC
from airgate_serving.errors import ServingError
from airgate_serving.rest.door import Request
from airgate_serving.rest.failures import STATUS, Answer
from airgate_serving.tensors import Tensors

DOOR = "records"


class RecordsDoor:
    """The handler of /predict."""

    def __init__(self, plane: DataPlane, monotonic: Callable[[], float]) -> None:
        """Answer for `plane`; codec times are taken by `monotonic`."""
        self._plane = plane
        self._monotonic = monotonic
        self._observe_codec = plane.meter.find_stages(PREDICT)["codec"].observe

    async def predict(self, request: Request) -> Answer:
        """Answer `{"result": ...}` in the orientation of the request."""
        return await self.answer(PREDICT, request)

    async def answer(self, function: str, request: Request) -> Answer:
        """Answer for one function: a script has several, every other model has predict."""
        try:
            body = await (self._call(function, request) if self._plane.info.is_script else self._predict(request))
        except ServingError as error:
            self._plane.meter.count_request(DOOR, function, STATUS.get(error.code, 500))
            raise
        self._plane.meter.count_request(DOOR, function, 200)
        return Answer(200, body)

    async def _call(self, function: str, request: Request) -> bytes:
        monotonic, trace = self._monotonic, request.trace
        begin = monotonic()
        call = read_call(function, request.body, request.headers.get("content-type") or "")
        decoded = monotonic()
        if trace is not None:
            trace.note(CODEC, begin, decoded)
        value = await self._plane.call(function, call, trace)
        inferred = monotonic()
        answer = write_result(value, call.is_split())
        encoded = monotonic()
        self._plane.meter.find_stages(function)["codec"].observe(decoded - begin + encoded - inferred)
        if trace is not None:
            trace.note(CODEC, inferred, encoded)
        return answer

    async def _predict(self, request: Request) -> bytes:
        monotonic, trace = self._monotonic, request.trace
        begin = monotonic()
        tensors, table = self._decode(request)
        decoded = monotonic()
        if trace is not None:
            trace.note(CODEC, begin, decoded)
        outputs = await self._plane.infer(tensors, trace)
        inferred = monotonic()
        answer = encode_result(outputs, table)
        encoded = monotonic()
        self._observe_codec(decoded - begin + encoded - inferred)
        if trace is not None:
            trace.note(CODEC, inferred, encoded)
        return answer

    def _decode(self, request: Request) -> tuple[Tensors, Table]:
        content_type = request.headers.get("content-type") or ""
        if content_type.startswith(CONTENT_FORM):
            return decode_form(request.body, content_type, self._plane.info.signature)
        return decode_records(request.body, self._plane.info.signature)

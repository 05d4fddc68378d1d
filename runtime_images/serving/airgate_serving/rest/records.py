"""The records/split contract: POST /predict."""

from collections.abc import Callable

from airgate_serving.codecs.calls import Call, read_call, write_result
from airgate_serving.codecs.forms import CONTENT_FORM, decode_form
from airgate_serving.codecs.records import Table, decode_records, encode_result
from airgate_serving.engine.dataplane import DataPlane
from airgate_serving.engine.meter import PREDICT
from airgate_serving.engine.trace import CODEC
from airgate_serving.errors import ServingError
from airgate_serving.rest.door import Request
from airgate_serving.rest.failures import STATUS, Answer
from airgate_serving.tensors import Signature, Tensors

DOOR = "records"


class RecordsDoor:
    """The handler of /predict and of every further function."""

    def __init__(self, plane: DataPlane, monotonic: Callable[[], float]) -> None:
        """Answer for `plane`; codec times are taken by `monotonic`."""
        self._plane = plane
        self._monotonic = monotonic

    async def predict(self, request: Request) -> Answer:
        """Answer `{"result": ...}` in the orientation of the request."""
        return await self.answer(PREDICT, request)

    async def answer(self, function: str, request: Request) -> Answer:
        """Answer for one function: a script has several, a model predict and, where it has them, further ones."""
        ask = self._call if self._plane.info.is_script else self._predict
        try:
            body = await ask(function, request)
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

    async def _predict(self, function: str, request: Request) -> bytes:
        monotonic, trace = self._monotonic, request.trace
        begin = monotonic()
        tensors, table = self._decode(request, self._plane.find_signature(function))
        decoded = monotonic()
        if trace is not None:
            trace.note(CODEC, begin, decoded)
        if function == PREDICT:
            outputs = await self._plane.infer(tensors, trace)
        else:
            outputs = await self._plane.call(function, Call(function, tensors), trace)
        inferred = monotonic()
        answer = encode_result(outputs, table)
        encoded = monotonic()
        self._plane.meter.find_stages(function)["codec"].observe(decoded - begin + encoded - inferred)
        if trace is not None:
            trace.note(CODEC, inferred, encoded)
        return answer

    def _decode(self, request: Request, signature: Signature) -> tuple[Tensors, Table]:
        content_type = request.headers.get("content-type") or ""
        if content_type.startswith(CONTENT_FORM):
            return decode_form(request.body, content_type, signature)
        return decode_records(request.body, signature)

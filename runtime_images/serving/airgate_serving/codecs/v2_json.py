"""Open Inference v2 over HTTP: a JSON body, optionally followed by binary tensors.

Header `Inference-Header-Content-Length` says how long the JSON is; each binary input says its length in the parameter
`binary_data_size`. https://github.com/kserve/open-inference-protocol
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from airgate_serving.elements import cast_array, fit_shape, read_array, read_raw, write_raw
from airgate_serving.errors import BadRequest
from airgate_serving.schemas import describe_text
from airgate_serving.tensors import DATATYPES, Array, Signature, Tensors, TensorSpec, find_datatype

CONTENT_JSON = "application/json"
CONTENT_BINARY = "application/octet-stream"
HEADER_JSON_LENGTH = "inference-header-content-length"


class InputTensor(msgspec.Struct, gc=False):
    """One input as it travels."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any] | None = None
    parameters: dict[str, Any] | None = None


class WantedOutput(msgspec.Struct):
    """One output that the client asks for."""

    name: str
    parameters: dict[str, Any] | None = None


class InferBody(msgspec.Struct, gc=False):
    """A request as it travels."""

    inputs: list[InputTensor]
    id: str | None = None
    outputs: list[WantedOutput] | None = None
    parameters: dict[str, Any] | None = None


class InferRequest(msgspec.Struct, frozen=True):
    """A request that fits the signature. `binary` names the outputs that are wanted as bytes."""

    tensors: Tensors
    id: str | None
    outputs: tuple[str, ...]  # empty: all
    binary: frozenset[str]


class InferAnswer(msgspec.Struct, frozen=True):
    """An encoded answer; `json_length` is there when binary tensors follow the JSON."""

    body: bytes
    json_length: int | None = None


_decoder = msgspec.json.Decoder(InferBody)


def decode_request(body: bytes, signature: Signature, json_length: str | None = None) -> InferRequest:
    """Return the request's tensors in the model's datatypes. Raises BadRequest with one sentence."""
    head, tail = _split_body(body, json_length)
    parsed = _parse(head)
    tensors = _read_inputs(parsed.inputs, signature, tail)
    if parsed.outputs is None and parsed.parameters is None:
        return InferRequest(tensors, parsed.id, (), frozenset())
    names = tuple(output.name for output in signature.outputs)
    wanted = tuple(output.name for output in parsed.outputs or ())
    _check_outputs(wanted, names)
    return InferRequest(tensors, parsed.id, wanted, frozenset(_find_binary(parsed, wanted or names)))


def encode_answer(tensors: Tensors, request: InferRequest, model: str, version: str) -> InferAnswer:
    """Return the answer's bytes: the outputs that were asked for, in JSON or after it."""
    raws: list[bytes] = []
    outputs = [
        _write_binary(name, tensors[name], raws) if name in request.binary else _write_output(name, tensors[name])
        for name in request.outputs or tensors
    ]
    answer: dict[str, Any] = {"model_name": model, "model_version": version, "outputs": outputs}
    if request.id is not None:
        answer["id"] = request.id
    head = orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
    return InferAnswer(head + b"".join(raws), len(head)) if request.binary else InferAnswer(head)


def _parse(head: bytes) -> InferBody:
    try:
        return _decoder.decode(head)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BadRequest(
            f"The body is not an Open Inference request: {str(error)[:200]}.",
            'It looks like {"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]}.',
        ) from error


def _split_body(body: bytes, json_length: str | None) -> tuple[bytes, memoryview]:
    """Return the JSON and the bytes after it."""
    if json_length is None:
        return body, memoryview(b"")
    if not json_length.isascii() or not json_length.isdigit() or int(json_length[:20]) > len(body):
        raise BadRequest(f"The header {HEADER_JSON_LENGTH} is {json_length[:40]!r}; the body has {len(body)} bytes.")
    length = int(json_length)
    return body[:length], memoryview(body)[length:]


def _read_inputs(inputs: Sequence[InputTensor], signature: Signature, tail: memoryview) -> Tensors:
    tensors: Tensors = {}
    for tensor in inputs:
        spec = signature.input_by_name.get(tensor.name)
        if spec is None or tensor.name in tensors:
            raise _explain_names(inputs, signature)
        if tensor.data is None:
            array, tail = _take_binary(tensor, tail)
            array = cast_array(array, spec)
        else:
            _check_datatype(tensor)
            array = read_array(tensor.data, spec)
        shape = tensor.shape
        if len(shape) == 2 and len(spec.shape) == 1 and shape[1] == 1:
            shape = shape[:1]  # clients of tabular servers send a column as [n, 1]
        tensors[tensor.name] = fit_shape(array, shape, spec)
    if len(tensors) != len(signature.inputs):
        raise _explain_names(inputs, signature)
    if len(tail):
        raise BadRequest(f"{len(tail)} bytes follow the last binary input.")
    return tensors


def _take_binary(tensor: InputTensor, tail: memoryview) -> tuple[Array, memoryview]:
    size = (tensor.parameters or {}).get("binary_data_size")
    _check_datatype(tensor)
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= len(tail):
        raise BadRequest(
            f"The input {tensor.name!r} has neither data nor a binary_data_size within the {len(tail)} bytes that are "
            "left after the JSON."
        )
    return read_raw(tail[:size], tensor.datatype, tensor.name), tail[size:]


def _check_datatype(tensor: InputTensor) -> None:
    if tensor.datatype not in DATATYPES:
        raise BadRequest(
            f"The input {tensor.name!r} has the datatype {tensor.datatype[:40]!r}, which is unknown.",
            f"Use one of {', '.join(DATATYPES)}.",
        )


def _explain_names(inputs: Sequence[InputTensor], signature: Signature) -> BadRequest:
    sent = ", ".join(repr(tensor.name[:60]) for tensor in inputs[:20]) or "none"
    wanted = ", ".join(repr(spec.name) for spec in signature.inputs)
    return BadRequest(f"The inputs are {sent}; the model takes {wanted}, each once.")


def _check_outputs(wanted: Sequence[str], known: Sequence[str]) -> None:
    for name in wanted:
        if name not in known:
            raise BadRequest(f"The model has no output {name[:60]!r}; it has {', '.join(map(repr, known))}.")


def _find_binary(parsed: InferBody, wanted: Sequence[str]) -> list[str]:
    """Return the outputs that are wanted as bytes; an output's own word goes before the request's."""
    default = bool((parsed.parameters or {}).get("binary_data_output", False))
    own = {output.name: (output.parameters or {}).get("binary_data", default) for output in parsed.outputs or ()}
    return [name for name in wanted if own.get(name, default)]


def _write_output(name: str, array: Array) -> dict[str, Any]:
    datatype = find_datatype(array.dtype)
    data = array.tolist() if datatype == "BYTES" else array.ravel()
    return {"name": name, "shape": array.shape, "datatype": datatype, "data": data}


def _write_binary(name: str, array: Array, raws: list[bytes]) -> dict[str, Any]:
    """Return an output's description, and add its bytes to `raws`."""
    raws.append(write_raw(array))
    parameters = {"binary_data_size": len(raws[-1])}
    return {"name": name, "shape": array.shape, "datatype": find_datatype(array.dtype), "parameters": parameters}


def describe_signature(signature: Signature) -> dict[str, Any]:
    """Return inputs and outputs as model metadata has them."""
    return {
        "inputs": [describe_tensor(spec) for spec in signature.inputs],
        "outputs": [describe_tensor(spec) for spec in signature.outputs],
    }


def describe_tensor(spec: TensorSpec) -> dict[str, Any]:
    """Return a spec as model metadata has it; what Open Inference has no field for goes under `parameters`."""
    described: dict[str, Any] = {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)}
    parameters: dict[str, Any] = {"values": list(spec.values)} if spec.values else {}
    if spec.schema is not None:
        parameters |= {name: value for name, value in describe_text(spec.schema).items() if name != "type"}
    return {**described, "parameters": parameters} if parameters else described

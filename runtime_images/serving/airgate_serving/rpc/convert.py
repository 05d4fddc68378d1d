"""Protobuf messages to tensors and back: pure.

Tensors travel typed (`contents`) or raw (`raw_input_contents`: row-major, little-endian bytes, one entry an input); the
answer takes the form of the request. FP16 has no typed form and always travels raw.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from airgate_protocols import open_inference_pb2 as pb
from airgate_serving.codecs.v2_json import describe_signature
from airgate_serving.elements import cast_array, fit_shape, read_array, read_raw, write_raw
from airgate_serving.errors import BadRequest
from airgate_serving.formats.interface import ModelInfo
from airgate_serving.tensors import DATATYPES, Array, Signature, Tensors, TensorSpec, find_datatype

CONTENTS = {
    "BOOL": "bool_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def read_request(request: pb.ModelInferRequest, signature: Signature) -> Tensors:
    """Return the request's tensors in the model's datatypes. Raises BadRequest with one sentence."""
    raws = request.raw_input_contents
    if raws and len(raws) != len(request.inputs):
        raise BadRequest(f"There are {len(raws)} raw_input_contents for {len(request.inputs)} inputs.")
    tensors: Tensors = {}
    for place, tensor in enumerate(request.inputs):
        spec = signature.input_by_name.get(tensor.name)
        if spec is None or tensor.name in tensors:
            raise _explain_names(request, signature)
        array = _read_tensor(tensor, spec, raws[place] if raws else None)
        tensors[tensor.name] = fit_shape(array, list(tensor.shape), spec)
    if len(tensors) != len(signature.inputs):
        raise _explain_names(request, signature)
    return tensors


def write_response(tensors: Tensors, request: pb.ModelInferRequest, model: str, version: str) -> pb.ModelInferResponse:
    """Return the outputs that were asked for, typed or raw as the request was. Raises BadRequest for unknown ones."""
    response = pb.ModelInferResponse(model_name=model, model_version=version, id=request.id)
    names = [output.name for output in request.outputs] or list(tensors)
    raw = bool(request.raw_input_contents) or any(
        tensors[name].dtype == np.float16 for name in names if name in tensors
    )
    for name in names:
        if name not in tensors:
            raise BadRequest(f"The model has no output {name[:60]!r}; it has {', '.join(map(repr, tensors))}.")
        _write_tensor(response, name, tensors[name], raw)
    return response


def describe_model(info: ModelInfo, model: str, version: str, properties: dict[str, str]) -> pb.ModelMetadataResponse:
    """Return the model's metadata."""
    return pb.ModelMetadataResponse(
        name=model,
        versions=[version],
        platform=info.platform,
        inputs=_describe(info.signature.inputs),
        outputs=_describe(info.signature.outputs),
        properties=properties,
    )


def describe_texts(signature: Signature) -> dict[str, str]:
    """Return, for each input whose texts are JSON, its schema as a property of the model: a tensor has none here."""
    schemas = {spec.name: spec.schema for spec in signature.inputs if spec.schema is not None}
    return {f"contentSchema.{name}": orjson.dumps(schema).decode() for name, schema in schemas.items()}


def describe_functions(info: ModelInfo) -> dict[str, str]:
    """Return inputs and outputs of each further function as a property of the model, in the words of the HTTP door."""
    signatures = {name: describe_signature(signature) for name, signature in info.further.items()}
    return {f"function.{name}": orjson.dumps(said).decode() for name, said in signatures.items()}


def _describe(specs: Sequence[TensorSpec]) -> list[pb.ModelMetadataResponse.TensorMetadata]:
    make = pb.ModelMetadataResponse.TensorMetadata
    return [make(name=spec.name, datatype=spec.datatype, shape=spec.shape) for spec in specs]


def _read_tensor(tensor: Any, spec: TensorSpec, raw: bytes | None) -> Array:
    if tensor.datatype not in DATATYPES:
        raise BadRequest(
            f"The input {tensor.name!r} has the datatype {tensor.datatype[:40]!r}, which is unknown.",
            f"Use one of {', '.join(DATATYPES)}.",
        )
    if raw is not None:
        return cast_array(read_raw(raw, tensor.datatype, tensor.name), spec)
    field = CONTENTS.get(tensor.datatype)
    if field is None:
        raise BadRequest(f"The input {tensor.name!r} is FP16, which travels in raw_input_contents alone.")
    return _read_typed(getattr(tensor.contents, field), tensor, spec)


def _read_typed(elements: Sequence[Any], tensor: Any, spec: TensorSpec) -> Array:
    if tensor.datatype != "BYTES":
        return cast_array(np.array(elements, dtype=DATATYPES[_widest(tensor.datatype)]), spec)
    try:
        return read_array([element.decode() for element in elements], spec)
    except UnicodeDecodeError as error:
        raise BadRequest(f"The input {tensor.name!r} holds a text that is not UTF-8.") from error


def _widest(datatype: str) -> str:
    """Return the datatype of the field that carries this one, so that a number out of range is seen as such."""
    carriers = {"int_contents": "INT32", "uint_contents": "UINT32"}
    return carriers.get(CONTENTS[datatype], datatype)


def _write_tensor(response: pb.ModelInferResponse, name: str, array: Array, raw: bool) -> None:
    datatype = find_datatype(array.dtype)
    output = response.outputs.add(name=name, datatype=datatype, shape=array.shape)
    if raw:
        response.raw_output_contents.append(write_raw(array))
        return
    elements = array.reshape(-1).tolist()
    texts = [str(element).encode() for element in elements] if datatype == "BYTES" else elements
    getattr(output.contents, CONTENTS[datatype]).extend(texts)


def _explain_names(request: pb.ModelInferRequest, signature: Signature) -> BadRequest:
    sent = ", ".join(repr(tensor.name[:60]) for tensor in request.inputs[:20]) or "none"
    wanted = ", ".join(repr(spec.name) for spec in signature.inputs)
    return BadRequest(f"The inputs are {sent}; the model takes {wanted}, each once.")

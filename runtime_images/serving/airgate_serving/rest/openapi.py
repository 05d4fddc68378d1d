"""The OpenAPI page of the model that is served: what may be sent to it, with an example that works. Pure."""

from collections.abc import Sequence
from typing import Any

from airgate_serving.codecs.records import make_sample_arguments
from airgate_serving.codecs.v2_json import CONTENT_BINARY, CONTENT_JSON
from airgate_serving.engine.dataplane import ServedModel
from airgate_serving.formats.interface import PREDICT, ModelInfo, make_path
from airgate_serving.schemas import describe_nested_lists, describe_row, describe_tensor_data
from airgate_serving.tensors import ANY, Signature, TensorSpec

OPENAPI = "3.1.0"
REFUSALS = {
    "400": "The request cannot be understood, or the model refused its values.",
    "413": "The body is too large.",
    "422": "The model in the file cannot do this.",
    "429": "The queue is full; come again after `retry-after` seconds.",
    "500": "The model failed.",
    "503": "The model is not ready yet.",
    "504": "The request waited for its whole deadline.",
}
Json = dict[str, Any]
FORM: Json = {"type": "object", "description": "A part X with JSON or CSV rows, or one part for each input."}


def build_openapi(model: ServedModel, info: ModelInfo) -> Json:
    """Return the document for one model."""
    if info.is_script:
        return _build_script(model, info)
    prefix = f"/v2/models/{model.name}"
    answers = PREDICT in info.functions
    further = {make_path(name): {"post": _describe_further(name, one)} for name, one in info.further.items()}
    return {
        "openapi": OPENAPI,
        "info": {"title": model.name, "version": model.version, "description": _describe(info)},
        "paths": {
            **({f"/{PREDICT}": {"post": _describe_predict(info)}} if answers else {}),
            **further,
            prefix: {"get": _describe_question("What the model takes and gives.", "describe")},
            f"{prefix}/ready": {"get": _describe_question("Whether requests should be sent here.", "ready", "503")},
            **({f"{prefix}/infer": {"post": _describe_infer(info)}} if answers else {}),
        },
        "components": {"schemas": _build_schemas(info) if answers else {"Refusal": _describe_refusal()}},
    }


def _build_script(model: ServedModel, info: ModelInfo) -> Json:
    """Return the document of a script: its functions, which take and answer what they like."""
    return {
        "openapi": OPENAPI,
        "info": {"title": model.name, "version": model.version, "description": _describe(info)},
        "paths": {make_path(name): {"post": _describe_function(name, info)} for name in info.functions},
        "components": {"schemas": {"Refusal": _describe_refusal()}},
    }


def _describe_function(name: str, info: ModelInfo) -> Json:
    body: Json = {"schema": {}}
    if name == info.functions[0]:
        body["example"] = info.sample
    return {
        "operationId": name,
        "summary": f"Call {name}(args).",
        "requestBody": {"required": True, "content": {CONTENT_JSON: body, "multipart/form-data": {"schema": {}}}},
        "responses": _describe_answers({"schema": {"type": "object", "required": ["result"]}}),
    }


def _describe(info: ModelInfo) -> str:
    task = f", {info.signature.task}" if info.signature.task else ""
    return f"{info.engine} on {info.device}{task}."


def _describe_question(summary: str, name: str, *more: str) -> Json:
    answer: Json = {"description": "The answer.", "content": {CONTENT_JSON: {"schema": {"type": "object"}}}}
    return {"operationId": name, "summary": summary, "responses": dict.fromkeys(("200", *more), answer)}


def _describe_predict(info: ModelInfo) -> Json:
    rows = {"schema": _ref("Rows"), "example": make_sample_arguments(info.signature)}
    return {
        "operationId": "predict",
        "summary": "Rows in, predictions out, in the orientation of the question.",
        "requestBody": {
            "required": True,
            "content": {CONTENT_JSON: rows, "multipart/form-data": {"schema": _ref("Form")}},
        },
        "responses": _describe_answers({"schema": _ref("Predictions")}),
    }


def _describe_further(name: str, signature: Signature) -> Json:
    """Return a further function: the same as predict, with tensors of its own."""
    rows = {"schema": _wrap_rows(_describe_record(signature.inputs)), "example": make_sample_arguments(signature)}
    return {
        "operationId": name,
        "summary": f"Rows in, the answers of {name} out, in the orientation of the question.",
        "requestBody": {"required": True, "content": {CONTENT_JSON: rows, "multipart/form-data": {"schema": FORM}}},
        "responses": _describe_answers({"schema": _describe_result(_describe_prediction(signature))}),
    }


def _describe_infer(info: ModelInfo) -> Json:
    body = {"schema": _ref("InferRequest"), "example": make_sample_request(info.signature.inputs)}
    return {
        "operationId": "infer",
        "summary": "Open Inference v2: tensors in, tensors out; as bytes after the JSON where that is asked for.",
        "requestBody": {"required": True, "content": {CONTENT_JSON: body}},
        "responses": _describe_answers({"schema": _ref("InferAnswer")}, CONTENT_BINARY),
    }


def _describe_answers(schema: Json, *other_types: str) -> Json:
    content: Json = {CONTENT_JSON: schema} | {kind: {} for kind in other_types}
    refusal = {CONTENT_JSON: {"schema": _ref("Refusal")}}
    refusals = {status: {"description": text, "content": refusal} for status, text in REFUSALS.items()}
    return {"200": {"description": "The predictions.", "content": content}, **refusals}


def make_sample_request(inputs: Sequence[TensorSpec]) -> Json:
    """Return an Open Inference request of the sample of every input."""
    return {"inputs": [_make_sample_tensor(spec) for spec in inputs]}


def _make_sample_tensor(spec: TensorSpec) -> Json:
    shape = [1 if size == ANY else size for size in spec.shape]
    return {
        "name": spec.name,
        "shape": shape,
        "datatype": spec.datatype,
        "data": spec.sample if shape else [spec.sample],
    }


def _build_schemas(info: ModelInfo) -> Json:
    inputs, outputs = info.signature.inputs, info.signature.outputs
    return {
        "Record": _describe_record(inputs),
        "Rows": _wrap_rows(_ref("Record")),
        "Form": FORM,
        "Prediction": _describe_prediction(info.signature),
        "Predictions": _describe_result(_ref("Prediction")),
        "InferRequest": _describe_message("inputs", inputs, {"id": {"type": "string"}}),
        "InferAnswer": _describe_message("outputs", outputs, {"model_name": {"type": "string"}}),
        "Refusal": _describe_refusal(),
    }


def _describe_record(specs: Sequence[TensorSpec]) -> Json:
    return _describe_object({spec.name: describe_row(spec) for spec in specs})


def _describe_prediction(signature: Signature) -> Json:
    return _describe_object({spec.name: _describe_output(spec, signature.inputs) for spec in signature.outputs})


def _describe_output(spec: TensorSpec, inputs: Sequence[TensorSpec]) -> Json:
    """Return the schema of an output in a row; where the inputs are not by row it may stand there whole."""
    row = describe_row(spec)
    if all(one.shape[:1] == (ANY,) and one.schema is None for one in inputs) or spec.schema is not None:
        return row
    return {"anyOf": [row, describe_nested_lists(spec.datatype, spec.shape)]}


def _wrap_rows(record: Json) -> Json:
    rows = _describe_object({"X": {"anyOf": [_list_of(record), record, _describe_split()]}})
    return {"anyOf": [rows, _describe_object({"args": rows})]}


def _describe_result(prediction: Json) -> Json:
    return _describe_object({"result": {"anyOf": [_list_of(prediction), _describe_split()]}})


def _describe_refusal() -> Json:
    return _describe_object({name: {"type": "string"} for name in ("error", "code", "hint")})


def _describe_split() -> Json:
    return _describe_object({"columns": _list_of({"type": "string"}), "data": _list_of({"type": "array"})})


def _describe_message(kind: str, specs: Sequence[TensorSpec], more: Json) -> Json:
    tensors = {"type": "array", "items": {"anyOf": [_describe_tensor(spec) for spec in specs]}}
    described = _describe_object({kind: tensors})
    return {**described, "properties": {**described["properties"], **more}}


def _describe_tensor(spec: TensorSpec) -> Json:
    shape = {"type": "array", "items": {"type": "integer"}}
    known = {"name": {"const": spec.name}, "shape": shape, "datatype": {"const": spec.datatype}}
    described = _describe_object(known)
    return {**described, "properties": {**known, "data": describe_tensor_data(spec)}}


def _describe_object(properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list_of(schema: Json) -> Json:
    return {"type": "array", "items": schema, "minItems": 1}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}

"""Protobuf in, tensors or one sentence out: whatever the message holds."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from airgate_protocols import open_inference_pb2 as pb
from airgate_serving.errors import BadRequest
from airgate_serving.rpc.convert import CONTENTS, read_request
from airgate_serving.tensors import DATATYPES
from tests.serving.test_codecs import MATRIX, SIGNATURES

numbers = st.integers(-(2**31), 2**31 - 1)
CONTENT = {
    "bool_contents": st.booleans(),
    "int_contents": numbers,
    "int64_contents": st.integers(-(2**63), 2**63 - 1),
    "uint_contents": st.integers(0, 2**32 - 1),
    "uint64_contents": st.integers(0, 2**64 - 1),
    "fp32_contents": st.floats(width=32),
    "fp64_contents": st.floats(),
    "bytes_contents": st.binary(max_size=6),
}


@st.composite
def make_tensor(draw: Any) -> pb.ModelInferRequest.InferInputTensor:
    """Return a tensor that is nearly right, or not at all."""
    tensor = pb.ModelInferRequest.InferInputTensor(
        name=draw(st.sampled_from(["x", "name", "age", "rate", "s", "t", "other"])),
        datatype=draw(st.sampled_from([*DATATYPES, "FLOAT", ""])),
        shape=draw(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 3), max_size=3)),
    )
    field = draw(st.sampled_from([*CONTENT, CONTENTS.get(tensor.datatype, "fp32_contents")]))
    getattr(tensor.contents, field).extend(draw(st.lists(CONTENT[field], max_size=6)))
    return tensor


@settings(max_examples=200, deadline=None)
@given(inputs=st.lists(make_tensor(), max_size=4), raws=st.lists(st.binary(max_size=16), max_size=4))
def test_any_message_is_tensors_or_a_sentence(inputs: Any, raws: list[bytes]) -> None:
    """A broken client of gRPC is told so; it never breaks the server."""
    request = pb.ModelInferRequest(model_name="m", inputs=inputs, raw_input_contents=raws)
    for signature in SIGNATURES:
        try:
            read_request(request, signature)
        except BadRequest as error:
            assert error.sentence


@given(st.lists(st.floats(width=32), min_size=2, max_size=2))
def test_typed_and_raw_floats_are_the_same(row: list[float]) -> None:
    """Both forms of a message give the model the same bits."""
    tensor = pb.ModelInferRequest.InferInputTensor(name="x", datatype="FP32", shape=[1, 2])
    typed = pb.ModelInferRequest(inputs=[tensor])
    typed.inputs[0].contents.fp32_contents.extend(row)
    by_field = read_request(typed, MATRIX)["x"]
    raw = pb.ModelInferRequest(inputs=[tensor], raw_input_contents=[by_field.tobytes()])
    assert read_request(raw, MATRIX)["x"].tobytes() == by_field.tobytes()

"""Bytes in, tensors or one sentence out: whatever the bytes are."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airgate_serving.codecs import records, v2_json
from airgate_serving.elements import read_array, read_raw, write_raw
from airgate_serving.errors import BadRequest
from airgate_serving.tensors import DATATYPES, Signature, TensorSpec

MATRIX = Signature((TensorSpec("x", "FP32", (-1, 2)),), (TensorSpec("y", "FP32", (-1,)),))
COLUMNS = Signature(
    (TensorSpec("name", "BYTES", (-1,)), TensorSpec("age", "INT8", (-1,)), TensorSpec("rate", "FP64", (-1,))),
    (TensorSpec("y", "FP64", (-1,)),),
)
TEXTS = Signature((TensorSpec("x", "BYTES", (-1,), ["{}"], schema={"title": "a map", "type": "object"}),), ())
SIGNATURES = [MATRIX, COLUMNS, Signature((TensorSpec("s", "FP32", ()), TensorSpec("t", "BOOL", (2, 1))), ()), TEXTS]

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
)
tensors = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["x", "name", "age", "rate", "s", "t", "other"]),
        "shape": st.lists(st.integers(-2, 5), max_size=4) | values,
        "datatype": st.sampled_from([*DATATYPES, "FLOAT"]),
    },
    optional={"data": values, "parameters": st.dictionaries(st.just("binary_data_size"), values)},
)


@given(body=st.binary(max_size=200), length=st.none() | st.text(max_size=5))
def test_any_bytes_are_tensors_or_a_sentence(body: bytes, length: str | None) -> None:
    """A broken client is told so; it never breaks the server."""
    for signature in SIGNATURES:
        refuses(lambda: v2_json.decode_request(body, signature, length))  # noqa: B023
        refuses(lambda: records.decode_records(body, signature))  # noqa: B023


@settings(max_examples=300)
@given(inputs=st.lists(tensors, max_size=4), outputs=st.none() | values, parameters=st.none() | values)
def test_any_open_inference_json_is_tensors_or_a_sentence(inputs: Any, outputs: Any, parameters: Any) -> None:
    """So is a request that is nearly right."""
    body = json.dumps({"inputs": inputs, "outputs": outputs, "parameters": parameters}).encode()
    for signature in SIGNATURES:
        refuses(lambda: v2_json.decode_request(body, signature))  # noqa: B023


@settings(max_examples=300)
@given(rows=values | st.lists(st.dictionaries(st.sampled_from(["x", "name", "age", "rate", "s", "t"]), values)))
def test_any_rows_are_tensors_or_a_sentence(rows: Any) -> None:
    """So are rows of any form, named or not."""
    columns = {"columns": ["name", "age", "rate"], "data": rows}
    for signature in SIGNATURES:
        for arguments in ({"X": rows}, {"args": {"X": columns}}):
            refuses(lambda: records.read_arguments(arguments, signature))  # noqa: B023


def refuses(call: Any) -> None:
    """Run the call; only BadRequest, with a sentence, may come out of it."""
    try:
        call()
    except BadRequest as error:
        assert error.sentence.endswith((".", "}"))


@given(st.lists(st.floats(width=32), min_size=2, max_size=2))
def test_floats_survive_every_codec(row: list[float]) -> None:
    """A float32 that comes in is the float32 the model gets, by every way."""
    finite = [value if np.isfinite(value) else 0.0 for value in row]
    tensor = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": finite}
    by_tensor = v2_json.decode_request(json.dumps({"inputs": [tensor]}).encode(), MATRIX).tensors["x"]
    by_record = records.read_arguments({"X": [{"x": finite}]}, MATRIX)[0]["x"]
    by_column = records.read_arguments({"X": [{"a": finite[0], "b": finite[1]}]}, MATRIX)[0]["x"]
    by_bytes = read_raw(write_raw(by_tensor), "FP32", "x").reshape(1, 2)
    wanted = np.array([finite], dtype=np.float32)
    for found in (by_tensor, by_record, by_column, by_bytes):
        assert found.dtype == np.float32 and found.tolist() == wanted.tolist()


@pytest.mark.parametrize(
    ("data", "datatype", "says"),
    [
        ([300], "INT8", "outside -128 to 127"),
        ([1.5], "INT64", "fractions"),
        (["a"], "FP32", "texts"),
        ([1], "BYTES", "texts"),
        ([[1], [1, 2]], "FP32", "ragged"),
        ([2], "BOOL", "whole numbers"),
        ([{}], "FP32", "not a number"),
        ([10**400], "FP64", "too large"),
        ([1e300], "FP32", "too large for FP32"),
    ],
)
def test_an_element_that_does_not_fit_is_refused_not_bent(data: Any, datatype: str, says: str) -> None:
    """No number is cut, wrapped or guessed in silence."""
    with pytest.raises(BadRequest, match=says):
        read_array(data, TensorSpec("x", datatype, (-1,)))


@pytest.mark.parametrize("rows", [[{"z": 1}], {"columns": ["z"], "data": [[1]]}])
def test_a_column_of_another_name_is_answered_with_the_one_that_is_missing(rows: Any) -> None:
    """A typing error in a name is found in the answer; columns by any names may still be the whole matrix."""
    with pytest.raises(BadRequest, match=r"X lacks 'x': it has 'z'; the model takes 'x', or 2 columns in its place\."):
        records.read_arguments({"X": rows}, MATRIX)
    found, _ = records.read_arguments({"X": [{"a": 1, "b": 2}]}, MATRIX)
    assert found["x"].tolist() == [[1.0, 2.0]]


def test_null_is_not_a_number_for_floats() -> None:
    """A missing value reaches the model as NaN, which JSON cannot write."""
    assert np.isnan(read_array([1.0, None], TensorSpec("x", "FP64", (-1,)))[1])


@pytest.mark.parametrize("datatype", list(DATATYPES))
def test_raw_bytes_go_round(datatype: str) -> None:
    """Every datatype survives the binary form."""
    array = np.array([1, 0, 1], dtype=DATATYPES[datatype])
    if datatype == "BYTES":
        array = np.array(["", "é", "abc"], dtype=object)
    assert read_raw(write_raw(array), datatype, "x").tolist() == array.tolist()


def test_a_sample_from_the_signature_is_accepted() -> None:
    """The form on the page starts with something that works."""
    specs = (TensorSpec("x", "FP32", (-1, 2), sample=[[0.0, 0.0]]), TensorSpec("y", "BYTES", (-1,), sample=["a"]))
    signature = Signature(specs, ())
    found, _ = records.read_arguments(records.make_sample_arguments(signature), signature)
    assert found["x"].shape == (1, 2) and found["y"].tolist() == ["a"]


@pytest.mark.parametrize("name", "bBhHiIlLqQ")
@pytest.mark.parametrize("shape", [(2,), (2, 3), (), (5,), (5, 2)])
def test_whole_numbers_of_every_c_type_are_answered_as_numbers(name: str, shape: tuple[int, ...]) -> None:
    """A label is 7, whatever the library that computed it calls its type; one that is not by row is given whole."""
    _, table = records.decode_records(b'{"args":{"X":[[1, 2],[3, 4]]}}', MATRIX)
    output = np.full(shape, 7, dtype=name)
    answer = json.loads(records.encode_result({"label": output}, table))
    row = output[0].tolist() if shape and shape[0] == 2 else output.tolist()
    assert answer == {"result": [{"label": row}, {"label": row}]}

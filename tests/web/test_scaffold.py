"""What a person starts with on the Test page."""

import json
import shlex
from functools import reduce

import pytest

from airgate_web.domain.errors import BadModel, Invalid
from airgate_web.domain.model import Signature, TensorSpec
from airgate_web.domain.sample import BYTES_MAX, DEPTH_MAX, read_sample
from airgate_web.domain.scaffold import (
    Field,
    FieldKind,
    make_curl,
    make_fields,
    make_sample,
    make_tensors,
    read_draft,
    read_form,
)

COLUMNS = Signature(
    (
        TensorSpec("width", "FP64", (-1,), [5.1]),
        TensorSpec("count", "INT64", (-1, 1), [[3]]),
        TensorSpec("colour", "BYTES", (-1,), ["red"], ("red", "green")),
        TensorSpec("ripe", "BOOL", (-1,), [True]),
    ),
    (),
)
MATRIX = Signature((TensorSpec("X", "FP32", (-1, 3), [[1.0, 2.0, 3.0]]),), ())
IMAGE = Signature((TensorSpec("pixels", "UINT8", (1, 2, 2), None),), ())
SCRIPT = Signature((), ())
MAP = Signature((TensorSpec("x", "BYTES", (-1,), ['{"a":0.0}'], ("a", "b"), {"type": "object"}),), ())
WIDE = Signature((TensorSpec("X", "FP32", (-1, 64), None),), ())


def test_named_columns_make_a_record():
    """The sample of a table is one row with every column in it."""
    record = {"width": 5.1, "count": [3], "colour": "red", "ripe": True}
    assert make_sample(COLUMNS) == {"args": {"X": [record]}}


def test_a_matrix_makes_a_row():
    """A model without column names takes a plain row."""
    assert make_sample(MATRIX) == {"args": {"X": [[1.0, 2.0, 3.0]]}}
    assert make_sample(WIDE) == {"args": {"X": [[0] * 64]}}


def test_an_image_makes_a_record_of_its_tensor():
    """An input of more dimensions stands under its name, without the first dimension."""
    assert make_sample(IMAGE) == {"args": {"X": [{"pixels": [[0, 0], [0, 0]]}]}}


def test_a_map_is_json_in_a_record_and_a_text_in_a_tensor():
    """A person sees an object, not a text of one, and no choice of its keys."""
    assert make_sample(MAP) == {"args": {"X": [{"x": {"a": 0.0}}]}}
    assert make_fields(MAP) == ()
    tensor = {"name": "x", "shape": [1], "datatype": "BYTES", "data": ['{"a":0.0}']}
    assert make_tensors(MAP) == {"inputs": [tensor]}


@pytest.mark.parametrize("sample", [{"x": [1, 2]}, [], "text", 0])
def test_a_script_begins_with_its_own_sample(sample):
    """A script has no inputs; what it names as its example is what it takes, whatever that is."""
    assert make_sample(SCRIPT, sample) == {"args": sample}
    assert make_sample(SCRIPT) == {"args": {}}
    assert make_sample(MATRIX, sample) == make_sample(MATRIX)
    assert make_fields(SCRIPT) == ()


def test_a_form_that_is_not_done_is_json_all_the_same():
    """An empty field is null, and what is no number stands as it was typed; the call says what is wrong with it."""
    filled = {"width": "", "count": "2", "colour": "green", "ripe": False}
    assert read_draft(COLUMNS, filled)["args"]["X"] == [{"width": None, "count": 2, "colour": "green", "ripe": False}]
    assert read_draft(MATRIX, {"X[0]": "1", "X[1]": "wide", "X[2]": ""})["args"]["X"] == [[1.0, "wide", None]]


NESTED = reduce(lambda inner, _: [inner], range(DEPTH_MAX), 1)


@pytest.mark.parametrize("sample", [None, {"X": [{"a": 1.5, "b": "ä漢"}]}, "x" * (BYTES_MAX - 2), NESTED])
def test_a_sample_of_ordinary_size_is_kept_as_it_is(sample):
    """Up to the limits themselves."""
    assert read_sample(sample) == sample


@pytest.mark.parametrize(
    ("sample", "said"),
    [
        ("x" * (BYTES_MAX - 1), "65,537 bytes as JSON, over the limit of 65,536"),
        ({"a": ["ä" * BYTES_MAX]}, "over the limit"),
        ([NESTED], "more than 32 lists or objects in one another"),
        (float("nan"), "is not JSON"),
        ("\ud800", "is not JSON"),
    ],
    ids=["long", "long in bytes", "deep", "NaN", "half a character"],
)
def test_a_sample_that_cannot_be_kept_is_refused_in_a_sentence(sample, said):
    """It is the person's own file: what is wrong with it is said at the upload."""
    with pytest.raises(BadModel, match=said) as refusal:
        read_sample(sample)
    assert refusal.value.hint


def test_open_inference_bodies_are_flat():
    """The same sample for Open Inference has shapes and flat data that agree."""
    assert make_tensors(MATRIX) == {
        "inputs": [{"name": "X", "shape": [1, 3], "datatype": "FP32", "data": [1.0, 2.0, 3.0]}]
    }
    assert make_tensors(IMAGE)["inputs"][0] == {
        "name": "pixels",
        "shape": [1, 2, 2],
        "datatype": "UINT8",
        "data": [0, 0, 0, 0],
    }


def test_every_scalar_input_is_a_field():
    """A form asks for each column in its own way, with the sample filled in."""
    assert make_fields(COLUMNS) == (
        Field("width", FieldKind.NUMBER, 5.1),
        Field("count", FieldKind.WHOLE, 3),
        Field("colour", FieldKind.TEXT, "red", ("red", "green")),
        Field("ripe", FieldKind.SWITCH, True),
    )
    assert [field.name for field in make_fields(MATRIX)] == ["X[0]", "X[1]", "X[2]"]


def test_what_is_too_large_for_a_form_has_none():
    """Nobody is asked to type 64 pixels one by one."""
    assert make_fields(IMAGE) == ()
    assert make_fields(WIDE) == ()


def test_a_filled_form_is_a_body():
    """What is typed arrives as the model's types."""
    filled = {"width": "4", "count": "2", "colour": "green", "ripe": "no"}
    assert read_form(COLUMNS, filled) == {"args": {"X": [{"width": 4.0, "count": 2, "colour": "green", "ripe": False}]}}
    assert read_form(MATRIX, {"X[0]": 1, "X[1]": "2.5", "X[2]": 3}) == {"args": {"X": [[1.0, 2.5, 3.0]]}}


@pytest.mark.parametrize("wrong", [{"width": "wide"}, {"width": ""}, {"count": "1.5"}, {"ripe": "maybe"}])
def test_a_wrong_field_is_named(wrong):
    """A typing error says in which field."""
    good = {"width": "4", "count": "2", "colour": "green", "ripe": "no"}
    with pytest.raises(Invalid, match=f"'{next(iter(wrong))}'"):
        read_form(COLUMNS, good | wrong)


def test_the_curl_line_survives_a_shell():
    """What is copied into a terminal sends the sample, quotes included."""
    body = {"args": {"X": [{"note": "it's"}]}}
    words = shlex.split(make_curl("http://h/p", body).replace("\\\n", ""))
    assert words[:4] == ["curl", "http://h/p", "-H", "Authorization: Bearer $TOKEN"]
    assert json.loads(words[-1]) == body

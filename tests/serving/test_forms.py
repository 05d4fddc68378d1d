"""Forms with files: JSON, CSV, NumPy files and plain fields become the tensors that JSON alone would give."""

import io
from collections.abc import Mapping
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airgate_serving.codecs.csv_rows import read_csv
from airgate_serving.codecs.forms import decode_form, read_parts
from airgate_serving.codecs.records import read_arguments
from airgate_serving.errors import BadRequest
from airgate_serving.tensors import Signature, TensorSpec
from tests.serving.models import WIDTH
from tests.serving.test_codecs import COLUMNS, MATRIX, SIGNATURES, refuses

TYPE = "multipart/form-data; boundary=b"
File = tuple[str, bytes, str]


def make_form(parts: Mapping[str, File]) -> bytes:
    """Return a form of these parts as a browser writes it."""
    request = httpx.Request("POST", "http://x", files=parts, headers={"content-type": TYPE})
    return request.read()


def make_numpy(array: Any) -> bytes:
    """Return an array as a .npy file."""
    file = io.BytesIO()
    np.save(file, np.asarray(array))
    return file.getvalue()


WANTED = read_arguments({"X": [{"name": "a", "age": 3, "rate": 0.5}]}, COLUMNS)[0]


@pytest.mark.parametrize(
    "parts",
    [
        {"X": ("", b'[{"name":"a","age":3,"rate":0.5}]', "")},
        {"X": ("x.json", b'{"columns":["name","age","rate"],"data":[["a",3,0.5]]}', "")},
        {"args": ("", b'{"X":{"name":"a","age":3,"rate":0.5}}', "application/json")},
        {"X": ("rows.csv", b"name,rate,age\r\na,0.5,3\r\n", "")},
        {"X": ("rows", b"\xef\xbb\xbfname,age,rate\na,3,0.5", "text/csv")},
        {"name": ("", b"a", ""), "age": ("", b"3", ""), "rate": ("rate.npy", make_numpy([0.5]), "")},
        {"name": ("", b'"a"', "application/json"), "age": ("", b" 3 ", ""), "rate": ("", b"5e-1", "")},
        {"name": ("n.npy", make_numpy(["a"]), ""), "age": ("", make_numpy([3]), ""), "rate": ("", b"0.5", "")},
    ],
)
def test_a_form_gives_the_tensors_of_json(parts: Mapping[str, File]) -> None:
    """A person may send a file or a field; the model gets the same."""
    found, table = decode_form(make_form(parts), TYPE, COLUMNS)
    assert {name: array.tolist() for name, array in found.items()} == {n: a.tolist() for n, a in WANTED.items()}
    assert len(table.rows) == 1


def test_a_numpy_file_is_a_whole_tensor_in_any_byte_order() -> None:
    """An array is taken as it lies in its file: row by row or column by column, either end first."""
    array = np.arange(6, dtype=">f4").reshape(3, 2)
    for written in (array, np.asfortranarray(array)):
        found, table = decode_form(make_form({"x": ("x.npy", make_numpy(written), "")}), TYPE, MATRIX)
        assert found["x"].tolist() == array.tolist() and len(table.rows) == 3


def test_an_empty_cell_is_a_missing_value() -> None:
    """What is not in the file is not made up."""
    table = read_csv(b"name,age,rate\na,,true\n", COLUMNS)
    assert table.rows == [["a", None, True]]


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"X": ("x.csv", b"", "")}, "CSV file is empty"),
        ({"X": ("x.csv", b"name,age,rate\n", "")}, "no rows"),
        ({"X": ("x.csv", b"name,age,rate\na,1\n", "")}, "Row 0 of the CSV file has 2 values for 3 columns"),
        ({"X": ("x.csv", b'name\n"a', "")}, "cannot be read"),
        ({"X": ("x.csv", b"\xff\xfe", "")}, "not UTF-8"),
        ({"X": ("", b"[1", "")}, "'X' is not JSON"),
        ({"name": ("", b"a", "")}, "the model takes 'name', 'age', 'rate'"),
        ({"name": ("", b"a", ""), "age": ("", b"x", ""), "rate": ("", b"1", "")}, "holds texts"),
        ({"name": ("", b"a", ""), "age": ("", b"1", ""), "rate": ("", b"\x93NUMPYx", "")}, "not a NumPy file"),
        ({"name": ("", b"a", ""), "age": ("", b"1", ""), "rate": ("", make_numpy([{}]), "")}, "neither numbers nor"),
        ({"name": ("", b"a", ""), "age": ("", b"1", ""), "rate": ("", make_numpy([0.5])[:-1], "")}, "not a NumPy"),
    ],
)
def test_a_form_that_does_not_fit_gets_a_sentence(parts: Mapping[str, File], says: str) -> None:
    """The sentence names the part."""
    with pytest.raises(BadRequest, match=says):
        decode_form(make_form(parts), TYPE, COLUMNS)


def test_a_header_that_promises_a_terabyte_allocates_nothing() -> None:
    """A NumPy file is believed only as far as its bytes go."""
    file = make_numpy([0.5]).replace(b"(1,), }                  ", b"(99999999999,), }        ")
    assert b"99999999999" in file
    with pytest.raises(BadRequest, match="not a NumPy file"):
        decode_form(make_form({"t": ("t.npy", file, "")}), TYPE, Signature((TensorSpec("t", "FP64", (-1,)),), ()))


names = st.sampled_from(["X", "args", "x", "name", "age", "rate", "s", "t"])
contents = st.binary(max_size=60) | st.sampled_from([make_numpy([[1.0, 2.0]]), b"name,age,rate\na,1,2\n", b"[[1,2]]"])
files = st.tuples(st.sampled_from(["", "a.csv", "a.json", "a.npy"]), contents, st.sampled_from(["", "text/csv"]))


@settings(max_examples=200, deadline=None)
@given(parts=st.dictionaries(names, files, max_size=4), cut=st.integers(0, 30))
def test_any_form_is_tensors_or_a_sentence(parts: dict[str, File], cut: int) -> None:
    """A form with anything in it, whole or cut short, never breaks the server."""
    form = make_form(parts) if parts else b""
    for signature in SIGNATURES:
        refuses(lambda: decode_form(form[: len(form) - cut], TYPE, signature))  # noqa: B023


@settings(deadline=None)
@given(body=st.binary(max_size=200), content_type=st.text(max_size=30))
def test_any_bytes_are_parts_or_a_sentence(body: bytes, content_type: str) -> None:
    """Nor do bytes that are no form at all."""
    refuses(lambda: read_parts(body, content_type))
    refuses(lambda: read_parts(b"--b\r\n" + body, TYPE))


@pytest.mark.process
def test_the_door_takes_forms(mlp_server, iris_server) -> None:
    """`curl -F X=@rows.csv` works, and gives the floats of JSON."""
    names = [tensor["name"] for tensor in iris_server.get("/v2/models/iris").json()["inputs"]]
    rows = ",".join(names) + "\n5.1,3.5,1.4,0.2\n6.7,3.0,5.2,2.3\n"
    answer = httpx.post(iris_server.url("/predict"), files={"X": ("rows.csv", rows.encode())})
    assert [row["PredictedValue"] for row in answer.json()["result"]] == [0, 2]
    array = np.linspace(0, 1, 2 * WIDTH, dtype=np.float32).reshape(2, WIDTH)
    by_form = httpx.post(mlp_server.url("/predict"), files={"x": ("x.npy", make_numpy(array))}).json()
    assert by_form == mlp_server.post("/predict", {"X": [{"x": row} for row in array.tolist()]}).json()

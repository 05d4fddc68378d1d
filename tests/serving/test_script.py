"""A person's own script: predict(args) and further functions, its files, its mistakes, and the lock around it."""

import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgate_serving.codecs.calls import read_call, write_result
from airgate_serving.errors import BadModelFile, BadRequest, MissingLibrary, ModelFailed, ModelRefused, UnknownFunction
from airgate_serving.formats.archive import read_members
from airgate_serving.formats.interface import LoadOptions
from airgate_serving.formats.script import ScriptRunner
from airgate_serving.formats.table import guess_format, load
from tests.serving.server import RunningServer, start_server
from tests.serving.test_tester import call, scratch, shelf, tester  # noqa: F401 - fixtures

SCRIPT = """
import pandas as pd

SAMPLE = {"X": [{"a": 1, "b": 2}]}
weights = open_file("weights.csv").read().decode().split(",")


def predict(args):
    X = args["X"]
    frame = pd.DataFrame(X["data"], columns=X["columns"]) if isinstance(X, dict) else pd.DataFrame(X)
    return pd.DataFrame({"sum": frame.to_numpy() @ [float(weight) for weight in weights]})


def count(args):
    return {name: len(value) for name, value in args.items()}


def reach(args):
    return open(args["path"]).read()


def leave(args):
    import socket
    return socket.create_connection(("127.0.0.1", 1))


def _hidden(args):
    return 1
"""


def make_zip(files: dict[str, str]) -> bytes:
    """Return a zip of texts."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return file.getvalue()


def make_tar(files: dict[str, str]) -> bytes:
    """Return a tar.gz of texts in a folder."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return file.getvalue()


FILES = {"score.py": SCRIPT, "weights.csv": "1,10"}


def open_script(path: Path, content: "bytes | str") -> ScriptRunner:
    """Write a script, or an archive with one, and load it as what its bytes say."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert guess_format(path) == "script"
    runner = load(path, "script", LoadOptions())
    assert isinstance(runner, ScriptRunner)
    return runner


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_a_script_has_its_functions_and_its_files(tmp_path, make) -> None:
    """What stands in the file is what can be called; what begins with an underscore cannot."""
    runner = open_script(tmp_path / "m", make(FILES))
    assert runner.info.functions == ("predict", "count", "reach", "leave")
    assert runner.info.sample == {"X": [{"a": 1, "b": 2}]}
    assert runner.call("predict", {"X": [{"a": 1, "b": 2}]})["sum"].tolist() == [21.0]
    with pytest.raises(UnknownFunction):
        runner.call("_hidden", {})


@pytest.mark.parametrize(
    ("source", "kind", "says"),
    [
        ("def predict(args): return (", BadModelFile, "not Python"),
        ("def train(args): return 1", BadModelFile, "no function predict"),
        ("import no_such_library\ndef predict(args): return 1", MissingLibrary, "no_such_library"),
        ("1 / 0\ndef predict(args): return 1", BadModelFile, "fails when it starts: ZeroDivisionError"),
        ("open_file('x')\ndef predict(args): return 1", BadModelFile, "no 'x' in the archive"),
    ],
)
def test_a_script_that_cannot_be_used_is_refused_at_once(tmp_path, source, kind, says) -> None:
    """The person reads what is wrong before anything is deployed."""
    with pytest.raises(kind, match=says):
        open_script(tmp_path / "m.py", source)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a.py": "def predict(args): 1", "b.py": "import a"}, "one script"),
        ({"../a.py": "def predict(args): 1"}, "outside of it"),
        ({"/a.py": "def predict(args): 1"}, "outside of it"),
        ({"readme.txt": "hello"}, "neither a script"),
    ],
)
def test_an_archive_that_is_no_model_is_refused(tmp_path, files, says) -> None:
    """Two scripts, none, or a member that leads out of the archive."""
    for make in (make_zip, make_tar):
        (tmp_path / "m").write_bytes(make(files))
        with pytest.raises(BadModelFile, match=says):
            load(tmp_path / "m", guess_format(tmp_path / "m"), LoadOptions())


def test_what_a_script_raises_is_the_callers_fault_or_its_own(tmp_path) -> None:
    """A bad value is refused with the script's words; anything else is a failure."""
    runner = open_script(tmp_path / "m.py", "def predict(args):\n    return 1 / int(args['x'])")
    with pytest.raises(ModelRefused, match="KeyError: 'x'"):
        runner.call("predict", {})
    with pytest.raises(ModelFailed, match="ZeroDivisionError"):
        runner.call("predict", {"x": 0})


@given(st.binary(max_size=300))
def test_any_bytes_are_an_archive_or_a_sentence(tmp_path_factory, content: bytes) -> None:
    """A damaged archive is told so."""
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    for head in (b"PK\x03\x04", b"\x1f\x8b", b""):
        path.write_bytes(head + content)
        try:
            read_members(path)
        except BadModelFile as error:
            assert error.sentence


@given(body=st.binary(max_size=100), content_type=st.sampled_from(["", "multipart/form-data; boundary=b"]))
def test_any_body_is_a_call_or_a_sentence(body: bytes, content_type: str) -> None:
    """Whatever a client sends."""
    try:
        read_call("predict", body, content_type)
    except BadRequest as error:
        assert error.sentence


@pytest.mark.parametrize(
    ("value", "split", "wanted"),
    [
        (pd.DataFrame({"a": [1, 2]}), False, b'{"result":[{"a":1},{"a":2}]}'),
        (pd.DataFrame({"a": [1, 2]}), True, b'{"result":{"columns":["a"],"data":[[1],[2]]}}'),
        (pd.Series([1.5, None]), False, b'{"result":[1.5,null]}'),
        (np.array([["a"]], dtype=object), False, b'{"result":[["a"]]}'),
        ({1: np.float32(0.5), "b": {2}}, False, b'{"result":{"1":0.5,"b":[2]}}'),
        (b"text", False, b'{"result":"text"}'),
    ],
)
def test_whatever_a_script_answers_becomes_json(value: Any, split: bool, wanted: bytes) -> None:
    """Frames, arrays, sets: in the orientation of the question."""
    assert write_result(value, split) == wanted


@pytest.mark.parametrize("value", [object(), 10**30, b"\xff"])
def test_what_json_cannot_hold_is_said(value: Any) -> None:
    """The author of the script learns it."""
    with pytest.raises(ModelFailed, match="JSON cannot hold"):
        write_result(value, split=False)


@pytest.fixture(scope="module")
def script_server(tmp_path_factory) -> Iterator[RunningServer]:
    """The script above with its file, served."""
    path = tmp_path_factory.mktemp("script") / "score.zip"
    path.write_bytes(make_zip(FILES))
    with start_server(path, name="score") as server:
        yield server


@pytest.mark.process
def test_functions_are_the_last_part_of_the_path(script_server) -> None:
    """predict and count answer over HTTP, in the orientation of the question; a file arrives as its bytes."""
    records = script_server.post("/predict", {"args": {"X": [{"a": 1, "b": 2}, {"a": 0, "b": 1}]}})
    split = script_server.post("/predict", {"X": {"columns": ["a", "b"], "data": [[1, 2]]}})
    assert records.json() == {"result": [{"sum": 21.0}, {"sum": 10.0}]}
    assert split.json() == {"result": {"columns": ["sum"], "data": [[21.0]]}}
    counted = httpx.post(script_server.url("/count"), files={"photo": ("p.bin", b"\x00" * 7)}, data={"tags": "[1,2]"})
    assert counted.json() == {"result": {"photo": 7, "tags": 2}}
    page = script_server.get("/metrics", "admin").text
    assert 'function="count",model="score",stage="compute"' in page


@pytest.mark.process
def test_a_served_script_reaches_nothing_and_takes_no_tensors(script_server) -> None:
    """Keys and networks are out of its reach; what it may not do is said and hurts nobody."""
    assert "PermissionError" in script_server.post("/reach", {"path": "/etc/passwd"}).json()["error"]
    assert "PermissionError" in script_server.post("/leave", {}).json()["error"]
    refused = script_server.post("/v2/models/score/infer", {"inputs": []})
    assert refused.status_code == 400 and "takes no tensors" in refused.json()["error"]
    assert script_server.post("/_hidden", {}).status_code == 404
    example = script_server.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert script_server.post("/predict", example["application/json"]["example"]).status_code == 200


@pytest.mark.process
def test_the_tester_runs_any_function_of_a_script_and_shows_what_it_prints(tester, shelf) -> None:  # noqa: F811
    """The page tests a script before it is deployed, with its own sample."""
    predict = "def predict(args):\n    print('seen', args)\n    return args['x'] * 2\n"
    digest = shelf.put(f"SAMPLE = {{'x': 2}}\n{predict}def info(args): return 'v1'".encode())
    found = call(tester, "/inspect", {"digest": digest, "filename": "s.py"}).json()
    assert found["format"] == "script" and found["functions"] == ["predict", "info"] and found["sample"] == {"x": 2}
    tested = call(tester, "/test", {"digest": digest, "args": found["sample"]}).json()
    assert tested["result"] == 4 and "seen {'x': 2}" in tested["stdout"]
    assert call(tester, "/test", {"digest": digest, "function": "info", "args": {}}).json()["result"] == "v1"

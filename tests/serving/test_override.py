"""A file that an administrator has allowed past the scanner: opened, for that digest alone, and it reaches nothing."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import skops.io
from sklearn.linear_model import LinearRegression

from tests.serving.server import run_command, start_server
from tests.serving.test_hostile_models import SCRIPT, Call, Stranger, listen, write_call
from tests.serving.test_mlflow import pack
from tests.serving.test_tester import call, scratch, shelf, start_tester, tester  # noqa: F401 - fixtures

pytestmark = pytest.mark.process

BEFORE = "Opening this file would use builtins.eval"
FOUND = "FOUND "
TAIL = f"""
import json
from sklearn.linear_model import LinearRegression
print({FOUND!r} + json.dumps(predict(PLACES)), flush=True)
model = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
"""


def write_hostile(places: dict[str, Any]) -> bytes:
    """Return a pickle that tries twelve ways out while it is opened, says how they went, and is a good model then."""
    source = f"PLACES = {places!r}\n{SCRIPT}{TAIL}"
    return write_call(Call("builtins", "eval", f"(lambda room: (exec({source!r}, room), room['model'])[1])({{}})"))


def read_found(output: str) -> dict[str, str]:
    """Return what the pickle said of its ways out."""
    line = next(line for line in output.splitlines() if line.startswith(FOUND))
    return dict(json.loads(line.removeprefix(FOUND)))


@pytest.fixture
def places(shelf, tmp_path, model_folder) -> dict[str, Any]:  # noqa: F811
    """A key, a neighbour's model and the shelf, for whoever gets to them."""
    (tmp_path / "key.pem").write_text("PRIVATE KEY")
    name = shelf.put((model_folder / "iris.pkl").read_bytes())[7:]
    neighbour = shelf.folder / "sha256" / name[:2] / name
    return {"key": str(tmp_path / "key.pem"), "neighbour": str(neighbour), "folder": str(shelf.folder)}


def test_a_hostile_pickle_that_was_allowed_is_opened_and_still_reaches_nothing(tester, shelf, places) -> None:  # noqa: F811
    """The scanner is overruled, never the lock: no key, no neighbour, no network, no host."""
    with listen() as (port, callers):
        digest = shelf.put(write_hostile(places | {"port": port}))
        refused = call(tester, "/inspect", {"digest": digest, "filename": "m.pkl"}).json()
        seen = call(tester, "/inspect", {"digest": digest, "filename": "m.pkl", "override": digest})
        tested = call(tester, "/test", {"digest": digest, "override": digest, "args": {"X": [[1.0]]}})
    assert refused["code"] == "dangerous-model-file" and refused["error"].startswith(BEFORE)
    assert seen.status_code == 200 and seen.json()["format"] == "sklearn"
    assert "Landlock" in seen.json()["lock"] and "seccomp" in seen.json()["lock"]
    assert tested.status_code == 200, tested.text
    found = read_found(tested.json()["stdout"])
    assert {name: how for name, how in found.items() if not how.startswith("refused: ")} == {}
    assert len(found) == 12 and callers == []


def test_the_word_counts_for_that_file_and_that_call_alone(tester, shelf, places) -> None:  # noqa: F811
    """Another file is refused beside it, and so is the same one when nobody says so."""
    digest = shelf.put(write_hostile(places | {"port": 1}))
    other = shelf.put(write_hostile(places | {"port": 2}))
    assert call(tester, "/inspect", {"digest": digest, "override": digest}).status_code == 200
    assert call(tester, "/inspect", {"digest": other, "override": digest}).status_code == 400
    for again in (digest, other):
        assert call(tester, "/inspect", {"digest": again}).json()["code"] == "dangerous-model-file"


def test_a_file_in_an_archive_is_meant_too(tester, shelf, places, tmp_path) -> None:  # noqa: F811
    """The digest is that of the uploaded file: MLflow's folder, with the pickle in it."""
    flavors = {"sklearn": {"pickled_model": "model.pkl"}}
    packed = pack(tmp_path / "m.zip", flavors, {"model.pkl": write_hostile(places | {"port": 1})})
    digest = shelf.put(packed.read_bytes())
    assert call(tester, "/inspect", {"digest": digest}).json()["code"] == "dangerous-model-file"
    assert call(tester, "/inspect", {"digest": digest, "override": digest}).json()["format"] == "mlflow"


def test_an_allowed_file_that_is_no_model_is_refused_as_such(tester, shelf, tmp_path) -> None:  # noqa: F811
    """What the scanner would have said is not said; what is wrong with the file still is."""
    file = tmp_path / "m.skops"
    skops.io.dump({"model": Stranger()}, file)
    for content in (write_call(Call("os", "getcwd")), file.read_bytes()):
        digest = shelf.put(content)
        answer = call(tester, "/inspect", {"digest": digest, "override": digest})
        assert answer.status_code == 422 and answer.json()["code"] != "dangerous-model-file"


def test_without_a_whole_lock_nobody_can_allow_a_file(shelf, scratch, places) -> None:  # noqa: F811
    """Not even where formats that carry code may be opened unlocked."""
    digest = shelf.put(write_hostile(places | {"port": 1}))
    with start_tester(shelf, scratch, "--landlock", "off", "--open-unlocked") as server:
        answer = call(server, "/inspect", {"digest": digest, "override": digest}, secret="")
    assert answer.status_code == 422 and answer.json()["code"] == "lock-missing"


def test_a_server_opens_it_for_its_digest_alone_behind_the_same_lock(shelf, places, tmp_path) -> None:  # noqa: F811
    """One flag, one file; it serves alone, and reaches nothing."""
    file = tmp_path / "m.pkl"
    with listen() as (port, callers):
        digest = shelf.put(write_hostile(places | {"port": port}))
        file.write_bytes((shelf.folder / "sha256" / digest[7:9] / digest[7:]).read_bytes())
        with start_server(file, "--override-scanner", digest) as server:
            assert server.post("/predict", {"X": [[1.0]]}).json()["result"]
            found = read_found("".join(server.output))
    assert {name: how for name, how in found.items() if not how.startswith("refused: ")} == {} and callers == []
    ports = ("--http-port", "0", "--admin-port", "0", "--grpc-port", "0")
    for more in ((), ("--override-scanner", "sha256:" + "0" * 64)):
        done = run_command(str(file), *ports, *more)
        assert done.returncode == 3 and BEFORE in done.stderr


def test_a_server_of_several_models_takes_no_such_word(tmp_path) -> None:
    """What was allowed past the scanner could change its neighbours in the same process."""
    file = tmp_path / "m.pkl"
    file.write_bytes(pickle.dumps(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])))
    also = ("--also", "n", "1", "sha256:" + "1" * 64, "sklearn", str(Path(file)))
    done = run_command(str(file), *also, "--override-scanner", "sha256:" + "0" * 64)
    assert done.returncode == 3 and "shares its process with no other" in done.stderr

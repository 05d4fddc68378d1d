"""The warm test runtime: one call a process, locked in, stopped when it must be."""

import asyncio
import hashlib
import io
import os
import pickle
import signal
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from onnx import TensorProto, helper
from sklearn.linear_model import LinearRegression

from tests.kit.process import find_children
from tests.serving.file_store import Store, run_store
from tests.serving.server import RunningServer, start_process, wait_for

pytestmark = pytest.mark.process


class Shelf:
    """A folder of model files by digest, as the webapp keeps them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, content: bytes) -> str:
        """Store a file and return its digest."""
        name = hashlib.sha256(content).hexdigest()
        place = self.folder / "sha256" / name[:2] / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            place.write_bytes(content)
        return f"sha256:{name}"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """An empty shelf."""
    return Shelf(tmp_path_factory.mktemp("blobs"))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tester's folder for temporary files."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="module")
def tester(shelf: Shelf, scratch: Path) -> Iterator[RunningServer]:
    """A tester that stops calls after twelve seconds and half a gibibyte."""
    env = {"AIRGATE_GATE_SECRET": "gate-secret", "QAIC_VISIBLE_DEVICES": "0", "A_SECRET_OF_THE_HOST": "top-secret"}
    with start_tester(shelf, scratch, "--deadline", "12", "--memory-mib", "512", env=env) as server:
        yield server


def start_tester(
    shelf: Shelf, scratch: Path, *more: str, env: dict[str, str] | None = None, python: str = sys.executable
) -> Any:
    """Start a tester on free ports."""
    ports = ("--port", "0", "--admin-port", "0")
    words = ("tester", "--blobs", str(shelf.folder), "--scratch", str(scratch), *ports, *more)
    return start_process(*words, env=env, python=python)


def call(server: RunningServer, path: str, body: dict[str, Any], secret: str = "gate-secret") -> httpx.Response:
    """Ask the tester, once it is warm."""
    wait_for(lambda: server.get("/readyz", "admin").status_code == 200)
    return server.post(path, body, {"x-airgate-gate": secret})


def put_model(shelf: Shelf, model_folder: Path, name: str) -> str:
    """Put one of the suite's models on the shelf."""
    return shelf.put((model_folder / name).read_bytes())


def test_inspect_reads_the_signature_in_the_sandbox(tester, shelf, model_folder) -> None:
    """An upload is validated and described without the webapp ever opening it."""
    digest = put_model(shelf, model_folder, "iris.pkl")
    answer = call(tester, "/inspect", {"digest": digest, "filename": "iris.pkl"})
    body = answer.json()
    assert answer.status_code == 200 and body["format"] == "sklearn" and body["task"] == "classification"
    assert body["signature"]["inputs"][0]["name"] == "sepal length (cm)"
    assert body["signature"]["outputs"][0]["values"] == [0, 1, 2]
    assert body["libraries"][0]["in_file"] == body["libraries"][0]["installed"]
    assert "Landlock" in body["lock"] and "seccomp" in body["lock"]


SAMPLED = ["mlp.onnx", "iris.pkl", "fruit.pkl", "words.pkl", "upper.onnx", "two_inputs.onnx"]
BOOSTED = ["iris.json", "iris.txt", "iris.skops"]


@pytest.mark.parametrize("name", [*SAMPLED, *BOOSTED])
def test_the_sample_of_every_signature_is_a_test_that_works(tester, shelf, model_folder, name) -> None:
    """The form that the page fills in can be sent as it is, and the output says which device ran."""
    digest = put_model(shelf, model_folder, name)
    inspection = call(tester, "/inspect", {"digest": digest, "filename": name}).json()
    answer = call(tester, "/test", {"digest": digest, "format": inspection["format"], "args": inspection["sample"]})
    body = answer.json()
    assert answer.status_code == 200, body
    assert len(body["result"]) == 1 and body["device"] == "CPU" and body["seconds"] >= 0
    assert "device: CPU\nGranted qualcomm.com/qaic 0, but" in body["stdout"]


def test_a_test_answers_in_the_orientation_it_was_asked_in(tester, shelf, model_folder) -> None:
    """Split in, split out, by this door too."""
    digest = put_model(shelf, model_folder, "two_inputs.onnx")
    split = {"X": {"columns": ["count", "price"], "data": [[2, 1.5], [3, 2.0]]}}
    body = call(tester, "/test", {"digest": digest, "format": "onnx", "args": split}).json()
    assert body["result"] == {"columns": ["total"], "data": [[3.0], [6.0]]}


def test_a_packed_script_takes_no_more_memory_than_it_has_bytes(tester, shelf) -> None:
    """A tar is read within the call's memory, whatever an archive may hold at most."""
    buffer, source = io.BytesIO(), b"def predict(args):\n    return open_file('a.txt').read().decode()\n"
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in (("run.py", source), ("a.txt", b"packed")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    answer = call(tester, "/test", {"digest": shelf.put(buffer.getvalue()), "args": {}})
    assert answer.json().get("result") == "packed", answer.text


def test_bad_values_and_unknown_functions_get_a_sentence(tester, shelf, model_folder) -> None:
    """What the person typed is what the sentence is about."""
    digest = put_model(shelf, model_folder, "two_inputs.onnx")
    bad = call(tester, "/test", {"digest": digest, "format": "onnx", "args": {"X": [{"count": "two", "price": 1}]}})
    assert bad.status_code == 422 and "'count'" in bad.json()["error"]
    unknown = call(tester, "/test", {"digest": digest, "format": "onnx", "function": "train", "args": {}})
    assert unknown.status_code == 422 and unknown.json()["code"] == "unknown-function"


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"", "bad-model-file", "empty"),
        (b"id;name\n1;x\n", "bad-model-file", "no format"),
        (pickle.dumps({"a": 1}), "bad-model-file", "a dict, which is not a model"),
        (b"cos\nsystem\n(S'id'\ntR.", "bad-model-file", "no format"),
        (b"\x80\x02cos\nsystem\n(X\x02\x00\x00\x00idtR.", "dangerous-model-file", "os.system"),
        (pickle.dumps(LinearRegression()), "bad-model-file", "never fitted"),
    ],
)
def test_a_file_that_is_no_model_is_refused_with_one_sentence(tester, shelf, content, code, says) -> None:
    """Nothing bad gets into the store, and the person knows what to do."""
    answer = call(tester, "/inspect", {"digest": shelf.put(content), "filename": "m"})
    body = answer.json()
    assert answer.status_code == 422 and body["code"] == code and says in body["error"] and body["hint"]


def test_a_truncated_onnx_file_is_refused(tester, shelf, model_folder) -> None:
    """A copy that was cut short is recognised as one."""
    whole = (model_folder / "mlp.onnx").read_bytes()
    body = call(tester, "/inspect", {"digest": shelf.put(whole[:-100]), "filename": "m"}).json()
    assert "cut short" in body["error"]


def test_a_digest_that_is_none_or_unknown_is_refused(tester) -> None:
    """A digest becomes part of a path, so it must be one."""
    for digest in ("sha256:../../etc/passwd", f"sha256:{'0' * 64}", 7, None):
        assert call(tester, "/inspect", {"digest": digest, "filename": "m"}).status_code in (400, 502)


def test_only_the_gateway_may_ask(tester, shelf, model_folder) -> None:
    """A tester opens files for whoever knows the secret, and for nobody else."""
    body = {"digest": put_model(shelf, model_folder, "mlp.onnx"), "filename": "m"}
    assert call(tester, "/inspect", body, secret="wrong").status_code == 403
    assert tester.post("/inspect", body).json()["code"] == "gate-closed"
    assert tester.get("/livez", "admin").status_code == 200


def make_loop(steps: int) -> bytes:
    """Return an ONNX model that multiplies matrices for very long."""
    body = helper.make_graph(
        [helper.make_node("MatMul", ["m_in", "m_in"], ["m_out"]), helper.make_node("Identity", ["c_in"], ["c_out"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("c_in", TensorProto.BOOL, []),
            helper.make_tensor_value_info("m_in", TensorProto.FLOAT, [400, 400]),
        ],
        [
            helper.make_tensor_value_info("c_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("m_out", TensorProto.FLOAT, [400, 400]),
        ],
    )
    start = helper.make_node("ConstantOfShape", ["size"], ["start"])
    loop = helper.make_node("Loop", ["steps", "yes", "start"], ["last"], body=body)
    pick = helper.make_node("ReduceMax", ["last"], ["y"], keepdims=0)
    add = helper.make_node("Add", ["x", "y"], ["z"])
    constants = [
        helper.make_tensor("steps", TensorProto.INT64, [], [steps]),
        helper.make_tensor("yes", TensorProto.BOOL, [], [True]),
        helper.make_tensor("size", TensorProto.INT64, [2], [400, 400]),
    ]
    return make_onnx([start, loop, pick, add], constants)


def make_hungry() -> bytes:
    """Return an ONNX model that makes a tensor of 4 GB."""
    size = helper.make_tensor("size", TensorProto.INT64, [1], [1_000_000_000])
    fill = helper.make_node("ConstantOfShape", ["size"], ["big"])
    pick = helper.make_node("ReduceMax", ["big"], ["y"], keepdims=0)
    return make_onnx([fill, pick, helper.make_node("Add", ["x", "y"], ["z"])], [size])


def make_onnx(nodes: list[Any], constants: list[Any]) -> bytes:
    """Return a model x [N] -> z [N]."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N"])
    z = helper.make_tensor_value_info("z", TensorProto.FLOAT, ["N"])
    model = helper.make_model(
        helper.make_graph(nodes, "g", [x], [z], constants), opset_imports=[helper.make_opsetid("", 13)]
    )
    model.ir_version = 9
    content: bytes = model.SerializeToString()
    return content


def test_a_model_that_runs_too_long_is_stopped_and_hurts_nobody(tester, shelf, model_folder) -> None:
    """A test has a deadline; another person's test runs meanwhile."""
    slow = {"digest": shelf.put(make_loop(10**9)), "filename": "slow", "format": "onnx", "args": {"X": [{"x": 1}]}}
    quick = {"digest": put_model(shelf, model_folder, "two_inputs.onnx"), "filename": "quick", "format": "onnx"}

    async def ask_both() -> list[httpx.Response]:
        headers = {"x-airgate-gate": "gate-secret"}
        async with httpx.AsyncClient(timeout=60, headers=headers) as client:
            args = {"X": [{"count": 1, "price": 2.0}]}
            return await asyncio.gather(
                client.post(tester.url("/test"), json=slow),
                client.post(tester.url("/test"), json={**quick, "args": args}),
            )

    wait_for(lambda: tester.get("/readyz", "admin").status_code == 200)
    stopped, done = asyncio.run(ask_both())
    assert stopped.status_code == 422 and "longer than 12 s" in stopped.json()["error"]
    assert done.json()["result"] == [{"total": 2.0}]


def test_a_model_that_allocates_without_end_is_stopped(tester, shelf) -> None:
    """The sentence says how much it may have."""
    body = {"digest": shelf.put(make_hungry()), "filename": "m", "format": "onnx", "args": {"X": [{"x": 1}]}}
    answer = call(tester, "/test", body)
    assert answer.status_code == 422 and "more than 512 MiB" in answer.json()["error"]


def test_nothing_is_left_of_a_call(tester, shelf, scratch, model_folder) -> None:
    """Model, process and files live for one call."""
    body = {"digest": put_model(shelf, model_folder, "mlp.onnx"), "filename": "m"}
    call(tester, "/inspect", body)
    assert list(scratch.iterdir()) == []
    zygote = find_children(tester.process.pid)
    assert len(zygote) == 1
    wait_for(lambda: find_children(zygote[0]) == [])


def test_the_warm_process_knows_no_secret_and_has_one_thread(tester) -> None:
    """What a model could read of its parent is nothing worth reading."""
    call(tester, "/inspect", {"digest": "none", "filename": "m"})
    zygote = find_children(tester.process.pid)[0]
    environment = Path(f"/proc/{zygote}/environ").read_text()
    assert "top-secret" not in environment and "gate-secret" not in environment
    assert len(list(Path(f"/proc/{zygote}/task").iterdir())) == 1


def test_a_warm_process_that_is_killed_is_replaced(shelf, tmp_path, model_folder) -> None:
    """A tester heals itself."""
    body = {"digest": put_model(shelf, model_folder, "mlp.onnx"), "filename": "m"}
    with start_tester(shelf, tmp_path) as server:
        wait_for(lambda: server.get("/readyz", "admin").status_code == 200)
        first = find_children(server.process.pid)[0]
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: find_children(server.process.pid) not in ([], [first]))
        assert call(server, "/inspect", body).status_code == 200
        assert server.stop() == 0


def test_without_landlock_only_formats_without_code_are_opened(shelf, tmp_path, model_folder) -> None:
    """Where a kernel cannot lock, a pickle is refused and ONNX still works."""
    with start_tester(shelf, tmp_path, "--landlock", "off") as server:
        pickled = call(server, "/inspect", {"digest": put_model(shelf, model_folder, "iris.pkl"), "filename": "m"})
        assert pickled.status_code == 422 and pickled.json()["code"] == "lock-missing"
        plain = call(server, "/inspect", {"digest": put_model(shelf, model_folder, "mlp.onnx"), "filename": "m"})
        assert plain.status_code == 200 and "not locked" in plain.json()["lock"]


def test_an_explicit_word_on_loopback_opens_a_pickle_without_landlock(shelf, tmp_path, model_folder) -> None:
    """The excuse is a flag, and holds on loopback alone."""
    with start_tester(shelf, tmp_path, "--landlock", "off", "--open-unlocked") as server:
        pickled = call(server, "/inspect", {"digest": put_model(shelf, model_folder, "iris.pkl"), "filename": "m"})
        assert pickled.status_code == 200


def test_a_tester_without_a_folder_fetches_and_keeps_a_few(tmp_path, model_folder, monkeypatch) -> None:
    """On another node the file comes from the webapp, is checked, and gives way when room is needed."""
    monkeypatch.setattr(Store, "content", (model_folder / "mlp.onnx").read_bytes())
    digest = f"sha256:{hashlib.sha256(Store.content).hexdigest()}"
    ports = ("--port", "0", "--admin-port", "0", "--cache-mib", "0")
    env = {"AIRGATE_FETCH_TOKEN": "let-me-in"}
    with (
        run_store() as url,
        start_process("tester", "--blobs-url", url, "--scratch", str(tmp_path), *ports, env=env) as server,
    ):
        for _ in range(2):
            answer = call(server, "/inspect", {"digest": digest, "filename": "m"})
            assert answer.status_code == 200, answer.json()
        assert len(Store.asked) == 1 and [path.name for path in (tmp_path / "cache").iterdir()] == [digest[7:]]
        other = call(server, "/inspect", {"digest": f"sha256:{'1' * 64}", "filename": "m"})
        assert other.status_code == 502 and other.json()["code"] == "fetch-failed"

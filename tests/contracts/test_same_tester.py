"""One suite for every Tester: the fake, and the real test runtime as a process behind its HTTP door."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from onnx import TensorProto, helper

from airgate_kit.clock import SystemClock
from airgate_web import ports
from airgate_web.adapters.blobs_folder import FolderBlobs
from airgate_web.adapters.tester_http import HttpTester
from airgate_web.domain.errors import BadModel, DangerousModel, Unavailable
from airgate_web.domain.model import Permit
from airgate_web.domain.runtime import find_tester_name
from airgate_web.domain.scaffold import make_sample
from airgate_web.domain.secrets import find_tester_secret
from airgate_web.domain.workload import Address, Kind, Replica, ReplicaState, WorkloadFacts
from tests.fakes.samples import NOON, make_observation, make_version
from tests.fakes.store_memory import MemoryStore
from tests.fakes.tester_fake import FakeTester

pytestmark = pytest.mark.process

LIMIT = 10_000_000
INTERNAL = "internal"


@dataclass
class Rig:
    """A tester, the blobs it reads from, and a file that is a model for it."""

    tester: ports.Tester
    blobs: ports.Blobs
    model: bytes
    danger: bytes  # one that the scanner refuses

    def put(self, body: bytes) -> str:
        """Keep a file and return its digest."""
        return self.blobs.put(iter([body]), LIMIT)[0]


@pytest.fixture(scope="module", params=["fake", "process"])
def rig(request, tmp_path_factory) -> Iterator[Rig]:
    """Each kind of tester."""
    folder = tmp_path_factory.mktemp("tester")
    blobs = FolderBlobs(folder / "blobs", SystemClock())
    if request.param == "fake":
        yield Rig(FakeTester(blobs), blobs, b"model", b"danger")
        return
    store = MemoryStore()
    process = start_tester(folder)
    try:
        show(store, read_port(process))
        yield Rig(HttpTester(store, INTERNAL, SystemClock()), blobs, make_onnx(), make_danger())
    finally:
        process.terminate()
        process.communicate(timeout=30)


def start_tester(folder: Path) -> subprocess.Popen[str]:
    """Start the real test runtime on a free port."""
    (folder / "scratch").mkdir()
    listen = ["--host", "127.0.0.1", "--port", "0", "--admin-port", "0"]
    folders = ["--blobs", str(folder / "blobs"), "--scratch", str(folder / "scratch")]
    return subprocess.Popen(
        [sys.executable, "-m", "airgate_serving", "tester", *listen, *folders],
        env={**os.environ, "AIRGATE_GATE_SECRET": find_tester_secret(INTERNAL, "python")},
        stdout=subprocess.PIPE,
        text=True,
    )


def read_port(process: subprocess.Popen[str]) -> int:
    """Return the port from the first line, "Listening: http 127.0.0.1:PORT admin …"."""
    assert process.stdout is not None
    return int(process.stdout.readline().split()[2].rsplit(":", 1)[1])


def show(store: MemoryStore, port: int) -> None:
    """Have the store know where the tester runs."""
    replica = Replica("tester-1", ReplicaState.READY, "d")
    facts = WorkloadFacts(find_tester_name("python"), Kind.TESTER, "d", (replica,), (Address("127.0.0.1", port, 0),))
    store.write_observation(make_observation(workloads=(facts,)), NOON)


def make_danger() -> bytes:
    """Return a pickle that evaluates text while it is opened, and is a fitted estimator then."""
    text = "__import__('sklearn.linear_model').linear_model.LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])"
    return b"\x80\x02cbuiltins\neval\n(V" + text.encode() + b"\ntR."


def make_onnx() -> bytes:
    """Return a model that doubles three numbers."""
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "double",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def test_a_model_is_read_and_called(rig):
    """What was uploaded is understood, and the sample made from its signature can be sent as it is."""
    digest = rig.put(rig.model)
    found = rig.tester.inspect("python", digest, "model.onnx")
    assert found.format == "onnx"
    assert found.signature.inputs and found.signature.outputs
    version = make_version(model="m", version=1, digest=digest, filename="model.onnx", signature=found.signature)
    run = rig.tester.test("python", version, "predict", make_sample(found.signature)["args"])
    assert run.ok, run
    assert run.device == "CPU"
    assert "ONNX Runtime device: CPU" in run.stdout
    assert run.result


def test_what_is_no_model_is_refused_with_a_reason(rig):
    """A file that cannot be read gets one sentence."""
    digest = rig.put(b"junk that is no model")
    with pytest.raises(BadModel) as refusal:
        rig.tester.inspect("python", digest, "junk.onnx")
    assert refusal.value.sentence


def test_what_the_scanner_refuses_is_opened_by_the_word_for_that_file(rig):
    """Once with the word, for an inspection and for a test; without it again refused."""
    digest = rig.put(rig.danger)
    with pytest.raises(DangerousModel) as refusal:
        rig.tester.inspect("python", digest, "m.pkl")
    assert "Opening this file would use" in refusal.value.sentence
    found = rig.tester.inspect("python", digest, "m.pkl", override=True)
    permit = Permit(digest, "Ours.", refusal.value.sentence, NOON, "ada")
    version = make_version(version=1, digest=digest, format=found.format, signature=found.signature, permit=permit)
    run = rig.tester.test("python", version, "predict", make_sample(found.signature)["args"])
    assert run.ok, run
    with pytest.raises(DangerousModel):
        rig.tester.inspect("python", digest, "m.pkl")


def test_versions_are_judged_with_a_warning_that_says_what_and_what_to_do(rig):
    """A file of another minor version is read; its first sentence says why to look twice."""
    if isinstance(rig.tester, FakeTester):
        rig.tester.fits["python"] = ports.Fit(here={"scikit-learn": "1.9.1"}, warnings=("It is older. Compare.",))
    fit = rig.tester.judge("python", {"scikit-learn": "0.24.0"})
    assert fit.refusal == "" and fit.here["scikit-learn"]
    what, _, advice = fit.warnings[0].partition(". ")
    assert what and advice
    assert isinstance(rig.tester, FakeTester) or (what.endswith("which is newer") and "airgate-serve freeze" in advice)


def test_wrong_values_are_a_failed_run(rig):
    """A mistake in the input is an answer with its reason."""
    version = make_version(digest=rig.put(rig.model), filename="model.onnx")
    run = rig.tester.test("python", version, "predict", "bad")
    assert not run.ok
    assert run.error


def test_a_function_that_the_model_does_not_have_is_a_failed_run(rig):
    """The hint names those it has."""
    digest = rig.put(rig.model)
    found = rig.tester.inspect("python", digest, "model.onnx")
    assert (found.signature.further, found.signature.has_predict) == ((), True)
    run = rig.tester.test("python", make_version(digest=digest, filename="model.onnx"), "explain", {})
    assert not run.ok
    assert "'explain'" in run.error and "predict" in run.hint


def test_a_file_that_is_gone_is_no_bad_model(rig):
    """What the appliance lost is not blamed on the file."""
    gone = "sha256:" + "0" * 64
    with pytest.raises(Unavailable):
        rig.tester.inspect("python", gone, "gone.onnx")

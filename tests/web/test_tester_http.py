"""The door to the test runtime, against a real HTTP server that plays it."""

import json
from functools import reduce

import pytest

from airgate_kit.names import HEADER_GATE
from airgate_web.adapters.tester_http import HttpTester, read_specs
from airgate_web.domain.errors import BadModel, Unavailable
from airgate_web.domain.model import Function, TensorSpec
from airgate_web.domain.runtime import find_tester_name
from airgate_web.domain.secrets import find_tester_secret
from airgate_web.domain.workload import Address, Kind, Replica, ReplicaState, WorkloadFacts
from airgate_web.ports import Fit
from tests.fakes.clock_hand import HandClock
from tests.fakes.samples import DIGEST, NOON, SCRIPT, make_observation, make_version
from tests.fakes.store_memory import MemoryStore
from tests.kit.small_server import Handler, serve

SIGNATURE = {
    "inputs": [{"name": "X", "datatype": "FP32", "shape": [-1, 2], "sample": [[0.0, 0.0]]}],
    "outputs": [{"name": "y", "datatype": "INT64", "shape": [-1], "values": [0, 1]}],
}
INSPECTED = {
    "format": "onnx",
    "signature": SIGNATURE,
    "task": "classification",
    "libraries": [{"name": "skl2onnx", "in_file": "1.19", "installed": ""}, {"name": "onnxruntime", "in_file": ""}],
}


class Played:
    """A tester that answers from a list and remembers what it was asked."""

    def __init__(self):
        self.answers, self.calls = [], []
        played = self

        class Player(Handler):
            def do_POST(self):
                played.calls.append((self.path, self.headers[HEADER_GATE], json.loads(self.read_body())))
                self.answer(*played.answers.pop(0))

        self.player = Player


@pytest.fixture
def played():
    """A tester that listens."""
    played = Played()
    with serve(played.player) as played.port:
        yield played


@pytest.fixture
def store():
    """A store that knows no tester yet."""
    return MemoryStore()


@pytest.fixture
def tester(store):
    """The door, with a clock on which waiting takes no time."""
    return HttpTester(store, "internal", HandClock())


def show(store, port, **replica):
    """Have the store know a tester at that port."""
    facts = WorkloadFacts(
        name=find_tester_name("python"),
        kind=Kind.TESTER,
        spec_digest="d",
        replicas=(Replica("tester-1", spec_digest="d", **({"state": ReplicaState.READY} | replica)),),
        addresses=(Address("127.0.0.1", port, 0),) if port else (),
    )
    store.write_observation(make_observation(workloads=(facts,)), NOON)


def test_a_signature_is_read(played, store, tester):
    """What the sandbox read comes back as a signature, and the call carries the tester's own secret."""
    show(store, played.port)
    played.answers = [(200, INSPECTED)]
    found = tester.inspect("python", DIGEST, "digits.onnx")
    assert found.format == "onnx"
    assert found.signature.inputs == (TensorSpec("X", "FP32", (-1, 2), [[0.0, 0.0]]),)
    assert found.signature.outputs == (TensorSpec("y", "INT64", (-1,), None, (0, 1)),)
    assert (found.task, found.libraries) == ("classification", {"skl2onnx": "1.19"})
    gate = find_tester_secret("internal", "python")
    assert played.calls == [("/inspect", gate, {"digest": DIGEST, "filename": "digits.onnx"})]


def test_the_sample_of_a_script_comes_with_it(played, store, tester):
    """Of any other model the signature says what goes in; its sample may be large and is not kept."""
    show(store, played.port)
    script = {**INSPECTED, "format": "script", "signature": {"inputs": [], "outputs": []}, "sample": {"x": 2}}
    played.answers = [(200, script), (200, {**INSPECTED, "sample": {"X": [[0] * 1000]}})]
    assert tester.inspect("python", DIGEST, "s.py").sample == {"x": 2}
    assert tester.inspect("python", DIGEST, "digits.onnx").sample is None


def test_the_functions_of_a_model_come_with_what_goes_into_each(played, store, tester):
    """A script's are names alone; of a SavedModel each has tensors, and there may be no predict."""
    show(store, played.port)
    nothing = {"inputs": [], "outputs": []}
    script = {**INSPECTED, "signature": nothing, "functions": ["predict", "explain", "count"], "further": {}}
    encode = {"signature": INSPECTED["signature"], "sample": {"X": [[0.0, 0.0]]}}
    towers = {**INSPECTED, "signature": nothing, "functions": ["encode"], "further": {"encode": encode}}
    played.answers = [(200, {**script, "sample": {"x": 2}}), (200, {**towers, "sample": {"X": [{}]}})]
    found = tester.inspect("python", DIGEST, "s.py")
    assert (found.signature, found.sample) == (SCRIPT, {"x": 2})
    found = tester.inspect("python", DIGEST, "towers.zip")
    assert found.signature.further == (Function("encode", *read_specs(INSPECTED["signature"])),)
    assert (found.signature.has_predict, found.sample) == (False, None)


def test_versions_are_judged_by_the_runtime_itself(played, store, tester):
    """A runtime of before that was possible, one that is busy and one that is away are not waited for."""
    show(store, played.port)
    fit = {"refusal": "Too new.", "hint": "Choose.", "needs": {}, "warnings": [], "here": {"scikit-learn": "1.9"}}
    played.answers = [(200, fit), (404, {"code": "unknown-path", "error": "no", "hint": ""}), (429, {"code": "busy"})]
    assert tester.judge("python", {"scikit-learn": "2.1"}) == Fit("Too new.", "Choose.", {"scikit-learn": "1.9"})
    assert played.calls[0][0] == "/fit" and played.calls[0][2] == {"libraries": {"scikit-learn": "2.1"}}
    for _ in range(2):
        with pytest.raises(Unavailable):
            tester.judge("python", {})
    with pytest.raises(Unavailable):
        tester.judge("another", {})


def test_a_refused_file_says_which_versions_would_read_it(played, store, tester):
    """So that whoever knows several runtimes can name one."""
    show(store, played.port)
    played.answers = [(422, {"code": "missing-library", "error": "Too new.", "hint": "", "needs": {"xgboost": "4.0"}})]
    with pytest.raises(BadModel) as caught:
        tester.inspect("python", DIGEST, "trees.json")
    assert caught.value.needs == {"xgboost": "4.0"}


@pytest.mark.parametrize("sample", ["x" * 70_000, reduce(lambda inner, _: [inner], range(50), 1)], ids=["long", "deep"])
def test_a_sample_that_cannot_be_kept_is_a_bad_model(played, store, tester, sample):
    """The one who uploads the script can do something about it."""
    show(store, played.port)
    played.answers = [(200, {**INSPECTED, "signature": {"inputs": [], "outputs": []}, "sample": sample})]
    with pytest.raises(BadModel, match="SAMPLE"):
        tester.inspect("python", DIGEST, "s.py")


def test_a_file_that_is_no_model_is_refused_in_the_testers_words(played, store, tester):
    """The reason reaches the person who uploaded."""
    show(store, played.port)
    played.answers = [(422, {"code": "bad-model-file", "error": "The file is cut short.", "hint": "Copy it again."})]
    with pytest.raises(BadModel, match="cut short") as refusal:
        tester.inspect("python", DIGEST, "digits.onnx")
    assert refusal.value.hint == "Copy it again."


def test_a_test_brings_result_output_and_device(played, store, tester):
    """The Test page shows what came out, what was printed and where it ran."""
    show(store, played.port)
    answer = {"result": [{"y": 1}], "stdout": "ONNX Runtime device: CPU\n", "stderr": "", "device": "CPU"}
    played.answers = [(200, {**answer, "seconds": 0.01, "load_seconds": 0.2})]
    run = tester.test("python", make_version(version=3), "predict", {"X": [[1, 2]]})
    assert (run.ok, run.result, run.stdout, run.device) == (True, [{"y": 1}], "ONNX Runtime device: CPU\n", "CPU")
    assert (run.seconds, run.load_seconds) == (0.01, 0.2)
    sent = played.calls[0][2]
    assert (sent["name"], sent["version"], sent["format"], sent["args"]) == ("digits", "3", "onnx", {"X": [[1, 2]]})


@pytest.mark.parametrize(("status", "code"), [(400, "model-refused"), (422, "call-stopped"), (500, "model-failed")])
def test_a_model_that_fails_is_a_run_that_failed(played, store, tester, status, code):
    """A failing model is an answer with its reason, not an error of the appliance."""
    show(store, played.port)
    played.answers = [(status, {"code": code, "error": "X lacks 'a'.", "hint": "Send it.", "stdout": "here\n"})]
    run = tester.test("python", make_version(), "predict", None)
    assert (run.ok, run.error, run.hint, run.stdout) == (False, "X lacks 'a'.", "Send it.", "here\n")


def test_a_busy_tester_is_asked_again(played, store, tester):
    """Two people who test at once both get their answer."""
    show(store, played.port)
    busy = (429, {"code": "busy", "error": "Busy.", "hint": ""})
    played.answers = [busy, (503, {"code": "not-ready", "error": "Not yet.", "hint": ""}), (200, INSPECTED)]
    assert tester.inspect("python", DIGEST, "x").format == "onnx"
    assert len(played.calls) == 3


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"<html>"),
        (200, []),
        (200, {"format": "onnx"}),
        (200, {**INSPECTED, "signature": {"inputs": [7], "outputs": []}}),
        (200, {**INSPECTED, "functions": 7}),
        (200, {**INSPECTED, "functions": ["a"], "further": {"a": {}}}),
        (500, {"code": "internal", "error": "Broken.", "hint": ""}),
        (403, {"code": "gate-closed", "error": "Closed.", "hint": ""}),
        (404, {"detail": "?"}),
    ],
)
def test_a_tester_in_trouble_is_unavailable(played, store, tester, answer):
    """Trouble of the tester is never blamed on the file."""
    show(store, played.port)
    played.answers = [answer]
    with pytest.raises(Unavailable, match="test runtime"):
        tester.inspect("python", DIGEST, "x")


def test_no_tester_is_said_after_a_while(store, tester):
    """Before anything was observed, and when nothing listens, the refusal comes in a sentence."""
    with pytest.raises(Unavailable, match="does not answer"):
        tester.inspect("python", DIGEST, "x")
    show(store, 1)
    with pytest.raises(Unavailable, match="does not answer"):
        tester.inspect("python", DIGEST, "x")


def test_why_the_tester_is_not_there_is_said(store, tester):
    """What the cluster says about the tester is passed on."""
    show(store, 0, state=ReplicaState.FAILED, reason="the image cannot be pulled")
    with pytest.raises(Unavailable, match="it is Failed, the image cannot be pulled"):
        tester.inspect("python", DIGEST, "x")


def test_a_tester_that_moves_is_found_again(played, store):
    """A tester that comes up while somebody waits is used."""
    clock = HandClock()
    sleep = clock.sleep

    def appear(seconds):
        show(store, played.port)
        sleep(seconds)

    clock.sleep = appear
    played.answers = [(200, INSPECTED)]
    assert HttpTester(store, "internal", clock).inspect("python", DIGEST, "x").format == "onnx"

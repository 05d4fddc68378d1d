"""Batching, admission, warm-up and thread counts, on models and folders of the test's own."""

import asyncio
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from airgate_serving.engine.admission import Admission, State
from airgate_serving.engine.batcher import Batcher, BatchRules
from airgate_serving.engine.meter import BOUNDS, Histogram, Meter
from airgate_serving.engine.threads import count_threads, read_cpu_limit
from airgate_serving.engine.warmup import warm_up
from airgate_serving.errors import Busy, DeadlinePassed, ModelRefused, NotReady
from airgate_serving.formats.interface import LoadOptions
from airgate_serving.formats.table import load
from airgate_serving.tensors import Tensors

QUICK, SLOW = 0.00001, 1.0  # expected seconds of a run: in the loop, in the thread


class Doubler:
    """A model that doubles, and remembers how many rows each run had. Rows of 666 are refused."""

    def __init__(self) -> None:
        self.runs: list[int] = []

    def __call__(self, inputs: Tensors) -> Tensors:
        self.runs.append(len(inputs["x"]))
        if (inputs["x"] == 666).any():
            raise ModelRefused("666 is refused.")
        return {"y": inputs["x"] * 2}  # type: ignore[operator]


def make_batcher(model: Any, clock: Any = time.monotonic, **rules: Any) -> Batcher:
    """Return a batcher in the running loop."""
    settled = BatchRules(**{"batchable": True, "seconds": QUICK, **rules})
    return Batcher(model, settled, Meter(), clock, asyncio.get_running_loop())


def row(value: float) -> Tensors:
    """Return one row of one number."""
    return {"x": np.array([[value]])}


@pytest.mark.parametrize("seconds", [QUICK, SLOW])
async def test_what_is_there_runs_together_and_each_gets_its_own_rows(seconds: float) -> None:
    """A hundred callers at once cost the model a few runs, and nobody gets another's answer."""
    model = Doubler()
    batcher = make_batcher(model, seconds=seconds)
    answers = await asyncio.gather(*(batcher.submit(row(value)) for value in range(100)))
    assert [float(answer["y"][0, 0]) for answer in answers] == [2.0 * value for value in range(100)]
    assert len(model.runs) == 1 and sum(model.runs) == 100
    batcher.close()


async def test_a_lone_request_never_waits_for_company() -> None:
    """With one caller there is one run a request, at the next turn of the loop."""
    model = Doubler()
    batcher = make_batcher(model)
    for value in range(3):
        await batcher.submit(row(value))
    assert model.runs == [1, 1, 1]
    batcher.close()


async def test_with_a_window_a_request_waits_for_company() -> None:
    """Where somebody asked for it, callers of different turns of the loop share a run; all of them are answered."""
    model = Doubler()
    batcher = make_batcher(model, window=0.05)
    first = batcher.submit(row(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second = batcher.submit(row(2))
    answers = await asyncio.gather(first, second)
    assert [float(answer["y"][0, 0]) for answer in answers] == [2.0, 4.0] and model.runs == [2]
    batcher.close()


async def test_only_the_request_at_fault_is_refused() -> None:
    """A batch that fails is run again one by one: the neighbours of a bad request get their answers."""
    model = Doubler()
    batcher = make_batcher(model)
    answers = await asyncio.gather(*(batcher.submit(row(value)) for value in (1, 666, 2)), return_exceptions=True)
    assert isinstance(answers[1], ModelRefused)
    assert [float(answers[place]["y"][0, 0]) for place in (0, 2)] == [2.0, 4.0]  # type: ignore[index]
    batcher.close()


async def test_another_function_runs_by_itself_and_out_of_the_loop() -> None:
    """Nothing is known of its rows and its time: it joins no batch, holds up nobody, and makes predict no slower."""
    places: list[tuple[str, threading.Thread]] = []

    def run(inputs: Any) -> Any:
        places.append(("other" if isinstance(inputs, str) else "predict", threading.current_thread()))
        return inputs if isinstance(inputs, str) else {"y": inputs["x"]}

    batcher = make_batcher(run)
    batcher._meter.find_stages("look")
    await asyncio.gather(batcher.submit(row(1)), batcher.submit("a", "look"), batcher.submit("b", "look"))
    await batcher.submit(row(2))
    assert [kind for kind, _ in places] == ["predict", "other", "other", "predict"]
    here = threading.current_thread()
    assert [thread is here for _, thread in places] == [True, False, False, True]
    batcher.close()


@pytest.mark.parametrize("seconds", [QUICK, SLOW])
async def test_what_is_too_large_together_is_answered_one_by_one(seconds: float) -> None:
    """Rows that no memory holds side by side cost nobody their answer, and the next caller is served."""
    batcher = make_batcher(lambda inputs: {"y": inputs["x"][:, :1] * 2}, seconds=seconds)
    vast = [{"x": np.broadcast_to(np.float64(value), (1, 1 << 48))} for value in (1, 2)]
    answers = await asyncio.gather(*map(batcher.submit, vast))
    assert [float(answer["y"][0, 0]) for answer in answers] == [2.0, 4.0]
    assert (await batcher.submit(row(3)))["y"] == 6
    batcher.close()


async def test_a_batch_has_a_bound_and_one_shape() -> None:
    """Rows that do not fit together, or are too many, run one batch after the other."""
    model = Doubler()
    batcher = make_batcher(model, most_rows=2)
    wide = {"x": np.zeros((1, 3))}
    await asyncio.gather(*(batcher.submit(inputs) for inputs in (row(1), row(2), row(3), wide)))
    assert model.runs == [2, 1, 1]
    batcher.close()


async def test_a_request_that_waited_too_long_is_told_so() -> None:
    """A caller hears 504 at the deadline instead of an answer nobody waits for."""
    seconds = iter([0.0, 100.0, 100.0, 100.0])
    batcher = make_batcher(Doubler(), clock=lambda: next(seconds), deadline=1.0)
    with pytest.raises(DeadlinePassed, match="deadline"):
        await batcher.submit(row(1))
    batcher.close()


async def test_a_deadline_holds_while_the_model_is_busy() -> None:
    """Whoever waits behind a long run hears 504 at their deadline, not when the run has ended."""
    release = threading.Event()

    def run_long(inputs: Tensors) -> Tensors:
        release.wait(30)
        return inputs

    batcher = make_batcher(run_long, seconds=SLOW, batchable=False, deadline=0.05)
    first = batcher.submit(row(1))
    await asyncio.sleep(0)
    with pytest.raises(DeadlinePassed):
        await batcher.submit(row(2))
    assert not first.done()
    release.set()
    assert (await first)["x"] == 1
    batcher.close()


async def test_whoever_was_looked_at_and_not_taken_still_hears_of_the_deadline() -> None:
    """A request that did not fit into the batch before its own is not forgotten when its time is over."""
    now, release = [0.0], threading.Event()

    def run_long(inputs: Tensors) -> Tensors:
        release.wait(30)
        return inputs

    batcher = make_batcher(run_long, lambda: now[0], seconds=SLOW, batchable=False, deadline=30.0)
    first, *others = [batcher.submit(row(value)) for value in range(3)]
    await asyncio.sleep(0)
    now[0] = 100.0
    release.set()
    assert (await first)["x"] == 0
    for other in others:
        with pytest.raises(DeadlinePassed):
            await asyncio.wait_for(other, 10)
    batcher.close()


async def test_what_was_asked_is_let_go_of_with_its_answer() -> None:
    """A picture of a megabyte is not kept for the thirty seconds that its caller would have waited."""
    release = threading.Event()

    def run_long(inputs: Tensors) -> Tensors:
        release.wait(30)
        return row(1)

    batcher = make_batcher(run_long, seconds=SLOW, batchable=False, deadline=1000.0)
    first = batcher.submit(row(1))
    await asyncio.sleep(0)
    inputs = row(2)
    gone, second = weakref.ref(inputs["x"]), batcher.submit(inputs)
    release.set()
    del inputs
    await asyncio.gather(first, second)
    batcher.close()
    assert gone() is None


async def test_admission_refuses_over_the_bound_and_before_the_model_is_there() -> None:
    """The queue cannot grow without end, and nothing is promised too early."""
    admission = Admission(bound=1)
    with pytest.raises(NotReady):
        admission.enter()
    admission.state = State.READY
    admission.enter()
    with pytest.raises(Busy):
        admission.enter()
    admission.begin_drain()
    assert not await admission.wait_idle(0)
    admission.leave()
    assert await admission.wait_idle(1)


async def test_a_drain_answers_who_is_inside_and_then_lets_nobody_in() -> None:
    """A quiet moment before ends nothing too early, and callers who do not go elsewhere do not keep the server."""
    admission = Admission(bound=2)
    admission.state = State.READY
    admission.begin_drain()
    for _ in range(2):
        admission.enter()
        admission.leave()
    admission.enter()
    waiting = asyncio.create_task(admission.wait_idle(30))
    await asyncio.sleep(0)
    with pytest.raises(NotReady, match="is ending"):
        admission.enter()
    assert not waiting.done()
    admission.leave()
    assert await waiting


@pytest.mark.parametrize(("file", "batchable"), [("mlp.onnx", True), ("mean_of_rows.onnx", False), ("iris.pkl", True)])
def test_rows_are_batched_only_where_a_trial_proved_them_independent(model_folder, file, batchable) -> None:
    """A model that looks across rows never mixes two callers, though its shapes would allow it."""
    runner = load(model_folder / file, "onnx" if file.endswith("onnx") else "sklearn", LoadOptions())
    assert warm_up(runner, time.monotonic).batchable is batchable


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"sys/fs/cgroup/cpu.max": "max 100000"}, None),
        ({"sys/fs/cgroup/cpu.max": "150000 100000"}, 1.5),
        ({"proc/self/cgroup": "0::/pod/me\n", "sys/fs/cgroup/pod/cpu.max": "50000 100000"}, 0.5),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}, None),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "400000", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}, 4.0),
        ({}, None),
    ],
)
def test_threads_come_from_the_containers_limit(tmp_path: Path, files: dict[str, str], limit: float | None) -> None:
    """Half a core is half a core under both kinds of cgroup, whatever the host has."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert read_cpu_limit(tmp_path) == limit
    assert count_threads(tmp_path) >= 1


def test_a_histogram_counts_every_duration_once() -> None:
    """Buckets add up, the longest durations included."""
    histogram = Histogram()
    for seconds in (0.0, BOUNDS[0], 99.0):
        histogram.observe(seconds)
    assert sum(histogram.counts) == 3 and histogram.counts[-1] == 1

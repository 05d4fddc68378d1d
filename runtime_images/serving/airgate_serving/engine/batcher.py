"""Zero-wait batching inside the event loop: what is there is run together, and nobody waits for more to come.

A request puts its tensors and a future into a list; the first one asks the loop for a flush at its next turn. The
flush puts together what has come by then, runs the model once and hands out the slices. A model of microseconds runs
in the loop itself; a longer one in a thread, so that the loop can go on reading.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from airgate_serving.engine.meter import PREDICT, Meter
from airgate_serving.engine.trace import COMPUTE, Trace
from airgate_serving.errors import DeadlinePassed
from airgate_serving.tensors import Tensors

LOOP_SECONDS = 0.001  # a run expected to be shorter than this stays in the loop
HINT_DEADLINE = "Try again in a second, or add replicas."
FINISH_PAUSE = 0.005  # seconds between two looks at whether a queue is done
# Of so many runs the one that a quarter was shorter than is what the next is expected to take: in a thread a run of
# microseconds may wait milliseconds for the interpreter's lock, and any run for the processor.
RECENT = 16


class Waiter(Protocol):
    """Whoever waits for outputs: a future, or a request that does without one. Is told on the loop's thread."""

    def done(self) -> bool:
        """Return whether nothing more need be told."""

    def set_result(self, result: Any, /) -> None:
        """Take the outputs."""

    def set_exception(self, exception: Exception, /) -> None:
        """Take the error that there is instead."""


@dataclass(slots=True)
class Waiting:
    """A request in the queue. `rows` is the size of the first dimension when rows can be put together.

    It runs `alone` after a batch with it in it has failed, so that only the request at fault is refused, and where it
    calls another function than predict, of which alone is known how rows and time go. `timer` rings at its deadline
    until the model has it; one that was left would keep the inputs for as long.
    """

    inputs: Any
    rows: int
    since: float
    answer: Waiter
    function: str = PREDICT
    trace: Trace | None = None
    alone: bool = False
    taken: bool = False
    timer: asyncio.TimerHandle | None = None


@dataclass(frozen=True, slots=True)
class BatchRules:
    """How to batch: `seconds` is the expected duration of one run, None for unknown; `most_rows` bounds a batch.

    `window` seconds a first request waits for company; 0, the rule, is not at all. `in_thread` keeps every run out of
    the loop, however short.
    """

    batchable: bool
    seconds: float | None
    most_rows: int = 256
    deadline: float = 30.0
    window: float = 0.0
    in_thread: bool = False


class Batcher:
    """The queue before one model. Lives on the loop's thread."""

    def __init__(
        self,
        run: Callable[[Any], Any],
        rules: BatchRules,
        meter: Meter,
        monotonic: Callable[[], float],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """Queue for `run` by `rules`; durations go to `meter`."""
        self._run, self._rules, self._meter, self._monotonic, self._loop = run, rules, meter, monotonic, loop
        self._queue: list[Waiting] = []
        self._scheduled = False
        self._in_thread = False
        self._expected = LOOP_SECONDS if rules.seconds is None else rules.seconds
        self._recent = deque([self._expected], maxlen=RECENT)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="model")

    def submit(self, inputs: Any, function: str = PREDICT, trace: Trace | None = None) -> asyncio.Future[Any]:
        """Queue a request of a function and return the future of its outputs; `trace` is told how it fared."""
        answer = self._loop.create_future()
        self.queue(answer, inputs, function, trace)
        return answer

    def queue(self, answer: Waiter, inputs: Any, function: str = PREDICT, trace: Trace | None = None) -> None:
        """Queue a request whose outputs are told to `answer`, never before this returns."""
        usual = function == PREDICT
        rows = next(iter(inputs.values())).shape[0] if self._rules.batchable and usual else 1
        waiting = Waiting(inputs, rows, self._monotonic(), answer, function, trace, alone=not usual)
        self._queue.append(waiting)
        if self._in_thread:
            waiting.timer = self._loop.call_later(self._rules.deadline, self._expire, waiting)
        if not self._scheduled:
            self._scheduled = True
            self._schedule_first()

    def _schedule_first(self) -> None:
        """Flush at the loop's next turn, or when the window closes: who comes by then rides along."""
        if self._rules.window > 0 and self._rules.batchable:
            self._loop.call_later(self._rules.window, self._flush)
        else:
            self._loop.call_soon(self._flush)

    async def finish(self) -> None:
        """Let what is queued and running be answered, then close. Nothing may be submitted any more."""
        while self._scheduled or self._queue or self._in_thread:
            await asyncio.sleep(FINISH_PAUSE)
        self.close()

    def close(self) -> None:
        """End the thread; what is queued has been answered by then."""
        self._pool.shutdown(wait=True)

    def _flush(self) -> None:
        """Take what fits together from the queue and run it, here or in the thread."""
        now = self._monotonic()
        batch = self._take_batch(now)
        if not batch:
            self._schedule_next()
        elif self._expected < LOOP_SECONDS and not self._rules.in_thread and batch[0].function == PREDICT:
            self._finish(batch, *self._try(batch))
        else:
            self._in_thread = True
            future = self._loop.run_in_executor(self._pool, self._try, batch)
            future.add_done_callback(lambda done: self._finish(batch, *done.result()))

    def _try(self, batch: Sequence[Waiting]) -> tuple[Any, float, float]:
        """Run the model; return its outputs, or the error for whoever waits, and begin and end of the run.

        What is put together here may be too much for the memory, as what the model makes of it may be.
        """
        begin = self._monotonic()
        try:
            result = self._run(_join(batch))
        except Exception as error:  # noqa: BLE001 - carried to whoever waits for the answer
            result = error
        return result, begin, self._monotonic()

    def _take_batch(self, now: float) -> list[Waiting]:
        queue, rows, place = self._queue, 0, 0
        taken: list[Waiting] = []
        for place, waiting in enumerate(queue, 1):
            if taken and not self._fits(taken[0], waiting, rows):
                place -= 1
                break
            if self._is_due(waiting, now):
                taken.append(waiting)
                rows += waiting.rows
        self._queue = queue[place:]
        return taken

    def _is_due(self, waiting: Waiting, now: float) -> bool:
        """Return whether someone still waits for this; one that has waited too long is told so."""
        if waiting.answer.done():
            return False
        waited = now - waiting.since
        self._meter.stages[waiting.function]["queue"].observe(waited)
        if waited > self._rules.deadline:
            self._expire(waiting)
            return False
        waiting.taken = True
        if waiting.timer is not None:
            waiting.timer.cancel()
        if waiting.trace is not None:
            waiting.trace.note_queue(waiting.since, now)
        return True

    def _expire(self, waiting: Waiting) -> None:
        """Tell someone who has waited too long so, unless the model has their request by now."""
        if not waiting.taken and not waiting.answer.done():
            if waiting.trace is not None:
                waiting.trace.note_queue(waiting.since, self._monotonic())
            waiting.answer.set_exception(
                DeadlinePassed(f"The request waited for its deadline of {self._rules.deadline:g} s.", HINT_DEADLINE)
            )

    def _fits(self, first: Waiting, waiting: Waiting, rows: int) -> bool:
        """Return whether a request can join a batch: same shapes but for the rows, and not too many of those."""
        if not self._rules.batchable or first.alone or waiting.alone or rows + waiting.rows > self._rules.most_rows:
            return False
        for name, array in first.inputs.items():  # noqa: SIM110 - a generator costs every request a microsecond
            if array.shape[1:] != waiting.inputs[name].shape[1:]:
                return False
        return True

    def _finish(self, batch: list[Waiting], result: "Tensors | Exception", begin: float, end: float) -> None:
        """Hand the outputs, or the error, to everyone in the batch; then go on with the queue."""
        self._in_thread = False
        seconds = end - begin
        if batch[0].function == PREDICT:
            self._recent.append(seconds)
            self._expected = sorted(self._recent)[len(self._recent) // 4]
        rows = sum(waiting.rows for waiting in batch)
        self._meter.count_batch(rows, seconds, batch[0].function)
        for waiting in batch:
            if waiting.trace is not None:
                waiting.trace.note(COMPUTE, begin, end, rows, isinstance(result, Exception))
        if isinstance(result, Exception) and len(batch) > 1:
            self._queue = [_set_apart(waiting) for waiting in batch] + self._queue
        else:
            _hand_out(batch, result)
        self._schedule_next()

    def _schedule_next(self) -> None:
        self._scheduled = bool(self._queue)
        if self._scheduled:
            self._loop.call_soon(self._flush)


def _set_apart(waiting: Waiting) -> Waiting:
    waiting.alone, waiting.taken = True, False
    return waiting


def _join(batch: Sequence[Waiting]) -> Any:
    """Return the inputs of all requests, one below the other."""
    if len(batch) == 1:
        return batch[0].inputs
    return {name: np.concatenate([waiting.inputs[name] for waiting in batch]) for name in batch[0].inputs}


def _hand_out(batch: Sequence[Waiting], result: Tensors | Exception) -> None:
    """Give everyone their rows. A client that went away has a future that is done already."""
    start = 0
    for waiting in batch:
        end = start + waiting.rows
        if not waiting.answer.done():
            _answer(waiting.answer, result, slice(start, end) if len(batch) > 1 else None)
        start = end


def _answer(answer: Waiter, result: Tensors | Exception, rows: slice | None) -> None:
    if isinstance(result, Exception):
        answer.set_exception(result)
    elif rows is None:
        answer.set_result(result)
    else:
        answer.set_result({name: array[rows] for name, array in result.items()})

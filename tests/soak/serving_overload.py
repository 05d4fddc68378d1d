"""Five times what a server can do, for minutes: who is let in keeps the deadline, who is not hears so at once.

Requests come at moments of chance, whether or not the ones before were answered. The queue is twice as long as what can
be answered within the deadline, so that both kinds of refusal occur.
"""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import onnx

from tests.kit.process import check_growth, measure_settled
from tests.kit.raw_http import Connections, NotAnswered
from tests.serving.server import RunningServer, start_server
from tests.serving.test_tester import make_loop

TIMES = 5  # its capacity
WARM_UP_S = 30
SECONDS = 180
CAPACITY_S = 4.0
STEPS = 20  # products of two matrices of 400 x 400 in one run
DEADLINE_S = 2.0
AT_ONCE_S = 0.5  # beside the longest time for which this machine let the client wait
RUN_S = 1.0  # what the run itself may take after the deadline's last moment
MOST_GROWTH_MB = 4.0
PATIENCE_S = 30.0
REFUSALS = (429, 503, 504)
ROW = {"X": [{"x": 1.0}]}


@dataclass
class Seen:
    """What the callers saw: seconds of each answer by status, refusals without Retry-After, and what broke."""

    seconds: dict[int, list[float]] = field(default_factory=dict)
    hasty: int = 0
    broken: list[str] = field(default_factory=list)
    late_s: float = 0.0  # the latest that a request was sent after its moment: the machine's own noise

    def count(self) -> dict[str, int]:
        """Return how many of each status."""
        return {str(status): len(seconds) for status, seconds in sorted(self.seconds.items())}


def overload(folder: Path, chance: random.Random) -> dict[str, object]:
    """Return what was seen. Raises AssertionError where a promise was not kept."""
    (folder / "loop.onnx").write_bytes(make_lone_loop())
    with serve(folder, queue=1) as server:
        guess = find_capacity(server)
    with serve(folder, queue=round(2 * guess * DEADLINE_S)) as server:
        warm = asyncio.run(send(server, chance, TIMES * guess, WARM_UP_S))
        judge(warm)
        capacity = len(warm.seconds[200]) / WARM_UP_S
        before = measure_settled(server.process.pid)
        seen = asyncio.run(send(server, chance, TIMES * capacity, SECONDS))
        judge(seen)
        first_s = ask_first(server)
        after = measure_settled(server.process.pid)
    assert first_s < AT_ONCE_S + seen.late_s, f"the first request after the load took {first_s:.2f} s"
    check_growth(before, after, MOST_GROWTH_MB)
    speed = {"capacity": round(capacity, 1), "offered": round(TIMES * capacity, 1), "seconds": SECONDS}
    return {**speed, **describe(seen), "first_after_s": round(first_s, 3), "before": before, "after": after}


def describe(seen: Seen) -> dict[str, object]:
    """Return how many answers of which status there were, and how long they took."""
    p99 = {str(status): find_p99(seconds) for status, seconds in sorted(seen.seconds.items())}
    late = round(seen.late_s, 3)
    return {"deadline_s": DEADLINE_S, "answers": seen.count(), "p99_s": p99, "client_late_s": late}


def ask_first(server: RunningServer) -> float:
    """Return the seconds that one request takes. Raises AssertionError when it is not answered."""
    begin = time.monotonic()
    status = server.post("/predict", ROW).status_code
    assert status == 200, f"the first request after the load is answered with {status}"
    return time.monotonic() - begin


def make_lone_loop() -> bytes:
    """Return a model that works for milliseconds on one row, and takes no second one with it."""
    model = onnx.load_from_string(make_loop(STEPS))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    content: bytes = model.SerializeToString()
    return content


@contextmanager
def serve(folder: Path, queue: int) -> Iterator[RunningServer]:
    """Serve the model with room for so many requests."""
    with start_server(folder / "loop.onnx", "--queue", str(queue), "--deadline", str(DEADLINE_S)) as server:
        yield server


def find_capacity(server: RunningServer) -> float:
    """Return how many requests a second the server answers to one caller who asks again and again."""
    begin, count = time.monotonic(), 0
    with httpx.Client(trust_env=False, timeout=PATIENCE_S) as client:
        while time.monotonic() - begin < CAPACITY_S:
            client.post(server.url("/predict"), json=ROW).raise_for_status()
            count += 1
    return count / (time.monotonic() - begin)


async def send(server: RunningServer, chance: random.Random, rate: float, seconds: float) -> Seen:
    """Ask `rate` times a second at moments of chance; return when everybody has been answered."""
    seen, end = Seen(), time.monotonic() + seconds
    connections = Connections(server.ports["http"])
    async with asyncio.TaskGroup() as callers:
        moment = time.monotonic()
        while moment < end:
            moment += chance.expovariate(rate)
            await asyncio.sleep(max(0.0, moment - time.monotonic()))
            seen.late_s = max(seen.late_s, time.monotonic() - moment)
            callers.create_task(ask(connections, seen))
    connections.close()
    return seen


async def ask(connections: Connections, seen: Seen) -> None:
    """Ask once and note the status and how long it took."""
    begin = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE_S):
            answer = await connections.post("/predict", ROW)
    except (OSError, NotAnswered) as error:  # a time-out is an OSError
        seen.broken.append(repr(error))
        return
    seen.seconds.setdefault(answer.status, []).append(time.monotonic() - begin)
    seen.hasty += answer.status in REFUSALS and "retry-after" not in answer.headers


def judge(seen: Seen) -> None:
    """Fail unless everybody was answered, in time, with 200 or with a refusal that says when to come again."""
    assert not seen.broken, f"{len(seen.broken)} requests were not answered: {seen.broken[0]}"
    assert set(seen.seconds) <= {200, *REFUSALS}, f"the answers were {seen.count()}"
    assert {200, 429} <= set(seen.seconds), f"this was no overload: {seen.count()}"
    assert not seen.hasty, f"{seen.hasty} refusals had no Retry-After"
    longest = {status: max(seconds) - seen.late_s for status, seconds in seen.seconds.items()}
    for status, bound in ((200, DEADLINE_S + RUN_S), (504, DEADLINE_S + AT_ONCE_S), (429, AT_ONCE_S), (503, AT_ONCE_S)):
        took = longest.get(status, 0.0)
        assert took <= bound, f"an answer of {status} took {took:.2f} s more than the client's own delay, not {bound} s"


def find_p99(seconds: Sequence[float]) -> float:
    """Return what 99 of 100 were shorter than, in seconds."""
    return round(sorted(seconds)[int(len(seconds) * 0.99)], 3)

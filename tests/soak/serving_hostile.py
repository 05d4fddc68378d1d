"""Models that crash, allocate without end, sleep, print a gigabyte, in an order of chance, beside a model that is well.

Each is tested, in the warm test runtime, which stops it; or served, by a process of its own, which ends as it must or
lives on. The one that is well is served beside them, and called all the time.
"""

import os
import random
import resource
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from tests.kit.caller import Caller
from tests.kit.process import check_growth, find_children, find_descendants, measure_settled
from tests.serving.models import WIDTH, make_mlp
from tests.serving.server import RunningServer, start_server, wait_for
from tests.serving.test_tester import Shelf, call, start_tester

ROUNDS = 100
WARM_UP = 8  # rounds, after which nothing may grow any more
AT_ONCE = 2  # calls of the test runtime
DEADLINE_S = 3
MEMORY_MIB = 512
SERVED = 0.3  # chance that a round is of a served model
MOST_GROWTH_MB = 4.0
SHOWN_EVERY = 25  # rounds
ROW = {"X": [{"x": [0.5] * WIDTH}]}
ATTACKS = {
    "crashes": "import ctypes\ndef predict(args):\n    ctypes.string_at(0)\n",
    "allocates": "def predict(args):\n    kept = []\n    while True: kept.append(bytearray(b'x' * 2**24))\n",
    "sleeps": "import time\ndef predict(args):\n    time.sleep(10000)\n",
    "prints": "def predict(args):\n    for _ in range(1024): print('x' * 2**20)\n",
}
WELL = "def predict(args):\n    return 'well'\n"
SAYS = {  # what the test runtime's sentence has
    "crashes": "crashed its process (SIGSEGV)",
    "allocates": f"more than {MEMORY_MIB} MiB of memory",
    "sleeps": f"longer than {DEADLINE_S} s",
    "prints": "printed more than",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the attacks happen. temporary: the only folder for temporary files that the processes know."""

    tester: RunningServer
    shelf: Shelf
    scratch: Path
    temporary: Path

    def measure(self) -> dict[str, float]:
        """Return what may not grow, of the tester and of its warm process together."""
        found = [measure_settled(pid) for pid in (self.tester.process.pid, *find_children(self.tester.process.pid))]
        return {name: round(sum(each[name] for each in found), 1) for name in found[0]}


def attack(folder: Path, chance: random.Random) -> dict[str, object]:
    """Return how often which attack was made. Raises AssertionError when one hurt, or left something."""
    names = ("blobs", "scratch", "temporary", "models")
    blobs, scratch, temporary, models = (folder / name for name in names)
    for each in (blobs, scratch, temporary, models):
        each.mkdir()
    (models / "mlp.onnx").write_bytes(make_mlp().SerializeToString())
    env = {"AIRGATE_GATE_SECRET": "gate-secret", "TMPDIR": str(temporary)}
    limits = ("--deadline", str(DEADLINE_S), "--memory-mib", str(MEMORY_MIB))
    shelf = Shelf(blobs)
    with (
        start_server(models / "mlp.onnx") as healthy,
        start_tester(shelf, scratch, *limits, env=env) as tester,
        Caller(healthy.url("/predict"), ROW) as caller,
    ):
        place = Place(tester, shelf, scratch, temporary)
        figures = attack_often(place, models, chance, partial(check_healthy, caller))
        check_healthy(caller)
        ends = {"healthy": healthy.stop(), "tester": tester.stop()}
    assert set(ends.values()) == {0}, f"they did not end cleanly: {ends}"
    return {"rounds": ROUNDS, **figures, "calls_of_the_healthy": caller.calls}


def attack_often(place: Place, models: Path, chance: random.Random, check: Callable[[], None]) -> dict[str, object]:
    """Make every round; return counts, and what the tester was after the warm-up and is at the end."""
    counts: Counter[str] = Counter()
    test(place, ["crashes"])
    for number in range(1, ROUNDS + 1):
        counts += serve(models, chance) if chance.random() < SERVED else test(place, choose(chance))
        check()
        check_nothing_left(place)
        if number == WARM_UP:
            before = place.measure()
        if number % SHOWN_EVERY == 0:
            print(f"  attacked {number} times: {dict(counts)}", flush=True)
    after = place.measure()
    check_growth(before, after, MOST_GROWTH_MB)
    return {"attacks": dict(sorted(counts.items())), "before": before, "after": after}


def choose(chance: random.Random) -> list[str]:
    """Return one attack, or several for the same moment."""
    return [chance.choice(list(ATTACKS)) for _ in range(chance.randint(1, AT_ONCE))]


def test(place: Place, attacks: list[str]) -> Counter[str]:
    """Have the tester try these at the same time, and then a script that is well."""
    with ThreadPoolExecutor(len(attacks)) as callers:
        answers = list(callers.map(lambda name: ask(place, ATTACKS[name]), attacks))
    for name, answer in zip(attacks, answers, strict=True):
        said = answer.text[:300]
        assert answer.status_code == 422 and SAYS[name] in said, f"a script that {name}, of {attacks}: {said}"
    well = ask(place, WELL)
    assert well.json().get("result") == "well", f"after {attacks} a script that is well gets {well.text[:300]}"
    return Counter(f"{name}, tested" for name in attacks)


def ask(place: Place, script: str) -> httpx.Response:
    """Have the tester call a script once."""
    return call(place.tester, "/test", {"digest": place.shelf.put(script.encode()), "args": {}})


def serve(models: Path, chance: random.Random) -> Counter[str]:
    """Serve one that crashes, allocates or sleeps, and call it; nothing of it is left when it has ended."""
    name = chance.choice(list(SERVED_ENDS))
    (models / f"{name}.py").write_text(ATTACKS[name])
    with start_server(models / f"{name}.py", "--linger", "0", "--drain", "0.2") as server:
        below = find_descendants(server.process.pid)
        SERVED_ENDS[name](server)
    left = [pid for pid in below if Path(f"/proc/{pid}").exists()]
    assert not left, f"a served script that {name} left processes: {left}"
    return Counter([f"{name}, served"])


def see_crash(server: RunningServer) -> None:
    """A crash ends the process by its signal: whoever keeps it starts another."""
    with suppress(httpx.HTTPError):
        answer = server.post("/predict", {})
        raise AssertionError(f"a script that crashes answers {answer.status_code}")
    code = server.process.wait(30)
    assert code == -11, f"a served script that crashes ends with {code}"


def see_want_of_memory(server: RunningServer) -> None:
    """Where no more memory is to be had the caller hears so, and the server goes on and ends cleanly."""
    pid = server.process.pid
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + MEMORY_MIB * 2**20
    resource.prlimit(pid, resource.RLIMIT_AS, (most, most))
    for _ in range(2):
        answer = server.post("/predict", {})
        assert answer.status_code == 500, f"a script that allocates answers {answer.status_code} {answer.text[:300]}"
    code = server.stop()
    assert code == 0, f"a served script that allocates ends with {code}"


def see_sleep(server: RunningServer) -> None:
    """Whoever sleeps is left behind at the end of the drain; the exit code says so."""
    with ThreadPoolExecutor(1) as callers:
        callers.submit(server.post, "/predict", {})
        wait_for(lambda: "airgate_requests_in_flight 1.0" in server.get("/metrics", "admin").text)
        code = server.stop()
    assert code == 4, f"a served script that sleeps ends with {code}"


SERVED_ENDS = {"crashes": see_crash, "allocates": see_want_of_memory, "sleeps": see_sleep}


def check_healthy(caller: Caller) -> None:
    """Fail when the healthy model has not answered a call."""
    assert not caller.failures, f"the healthy model failed {len(caller.failures)} times: {caller.failures[0]}"


def check_nothing_left(place: Place) -> None:
    """Fail when a call has left a file, or a process below the warm one."""
    warm = find_children(place.tester.process.pid)
    assert len(warm) == 1, f"the tester has {len(warm)} warm processes"
    wait_for(lambda: find_children(warm[0]) == [])
    files = [path.name for folder in (place.scratch, place.temporary) for path in folder.iterdir()]
    assert not files, f"files are left: {files}"

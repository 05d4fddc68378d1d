"""Models loaded anew, unloaded and loaded hundreds of times while calls go on: nobody is lost, and nothing grows.

Three models in one process: a network and trees, which change between two files each, and one that stays as it is.
"""

import json
import pickle
import random
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

from airgate_serving.fetch import compute_digest
from tests.kit.caller import Caller
from tests.kit.process import check_growth, measure
from tests.serving.models import WIDTH, make_mlp
from tests.serving.server import RunningServer, start_server, wait_for
from tests.serving.test_repository import find_digest, make_other, put_file

ROUNDS = 500
WARM_UP = 200  # rounds, after which nothing may grow any more
CALLERS = 2  # of each model that changes
PAUSE_S = 0.005  # of each caller between two calls
SEEN = 3  # answers of a new file before the next round
DIGITS = 4  # of a float that are compared: a batch of two computes in another order than one
MOST_GROWTH_MB = 6.0
SHOWN_EVERY = 100  # rounds
WAYS = {"loaded again": 0.6, "unloaded and loaded": 0.3, "refused": 0.1}  # chances
BROKEN = b"\x08\x09\x12"
NET_ROW = {"X": [{"x": [0.5] * WIDTH}]}
TREES_ROW = {"X": [[5.1, 3.5, 1.4, 0.2]]}


@dataclass
class Turning:
    """A model that changes between two files. `away`: it is unloaded now, and a refusal is right.

    answers: what each file says, by digest; seen: how often; refused: calls while it was unloaded.
    """

    name: str
    path: Path
    row: object
    files: list[bytes]  # the first is the one that answers
    away: bool = False
    answers: dict[str, object] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    callers: list[Caller] = field(default_factory=list)

    def judge(self, answer: httpx.Response) -> str:
        """Return what is wrong with an answer, or nothing: each file always says the same."""
        if answer.status_code == 503 and "retry-after" in answer.headers and self.away:
            self.refused += 1
            return ""
        if answer.status_code != 200:
            return f"{self.name} answers {answer.status_code} {answer.text}"
        digest, said = answer.headers["x-airgate-model-digest"], read_result(answer.text)
        self.seen[digest] += 1
        before = self.answers.setdefault(digest, said)
        return "" if said == before else f"{self.name} with the file {digest} says {said}, and said {before}"


def turn(folder: Path, chance: random.Random) -> dict[str, object]:
    """Return what was done and seen. Raises AssertionError when a call failed or something grew."""
    models = make_models(folder)
    (folder / "stays.onnx").write_bytes(make_mlp().SerializeToString())
    also = make_also("trees", "sklearn", folder / "trees.pkl") + make_also("stays", "onnx", folder / "stays.onnx")
    with start_server(folder / "net.onnx", *also, "--repository", name="net") as server, ExitStack() as stack:
        for model in models:
            url = server.url(f"/models/{model.name}/predict")
            model.callers = [Caller(url, model.row, judge=model.judge, pause_s=PAUSE_S) for _ in range(CALLERS)]
        stays = Caller(server.url("/models/stays/predict"), NET_ROW, pause_s=PAUSE_S)
        for caller in (stays, *(caller for model in models for caller in model.callers)):
            stack.enter_context(caller)
        counts, before, after = turn_often(server, models, stays, chance)
    check_growth(before, after, MOST_GROWTH_MB)
    calls = {model.name: sum(caller.calls for caller in model.callers) for model in models}
    refused = sum(model.refused for model in models)
    return {
        "rounds": ROUNDS,
        **counts,
        "calls": {**calls, "stays": stays.calls},
        "refused while unloaded": refused,
        "before": before,
        "after": after,
    }


def make_models(folder: Path) -> list[Turning]:
    """Return the network and the trees, the first file of each in its place."""
    net = [make_mlp().SerializeToString(), make_other()]
    trees = [make_trees(0), make_trees(1)]
    models = [
        Turning("net", folder / "net.onnx", NET_ROW, net),
        Turning("trees", folder / "trees.pkl", TREES_ROW, trees),
    ]
    for model in models:
        model.path.write_bytes(model.files[0])
    return models


def make_trees(seed: int) -> bytes:
    """Return a forest of another seed."""
    rows, kinds = load_iris(return_X_y=True)
    return pickle.dumps(RandomForestClassifier(20, max_features=1, random_state=seed).fit(rows, kinds))


def make_also(name: str, form: str, path: Path) -> tuple[str, ...]:
    """Return the arguments that bring a further model."""
    return ("--also", name, "1", compute_digest(path), form, str(path))


def turn_often(
    server: RunningServer, models: list[Turning], stays: Caller, chance: random.Random
) -> tuple[Counter[str], dict[str, float], dict[str, float]]:
    """Do every round; return how often what was done, and what the server was after the warm-up and is at the end."""
    counts: Counter[str] = Counter()
    for number in range(1, ROUNDS + 1):
        model, way = chance.choice(models), chance.choices(list(WAYS), list(WAYS.values()))[0]
        turn_once(server, model, way)
        failures = [
            *stays.failures,
            *(failure for each in models for caller in each.callers for failure in caller.failures),
        ]
        assert not failures, f"round {number}, {model.name} {way}: {len(failures)} calls failed: {failures[0]}"
        counts[way] += 1
        if number == WARM_UP:
            before = measure(server.process.pid)
        if number % SHOWN_EVERY == 0:
            print(f"  turned {number} times: {dict(counts)}, {measure(server.process.pid)}", flush=True)
    return counts, before, measure(server.process.pid)


def turn_once(server: RunningServer, model: Turning, way: str) -> None:
    """Change one model, and wait until its callers have seen which file answers now."""
    if way == "refused":
        put_file(model.path, BROKEN)
        ask(server, model, "load", 422)
        put_file(model.path, model.files[0])
    else:
        if way == "unloaded and loaded":
            model.away = True
            ask(server, model, "unload", 200)
        model.files.reverse()
        put_file(model.path, model.files[0])
        ask(server, model, "load", 200)
    see(model)
    model.away = False


def ask(server: RunningServer, model: Turning, what: str, status: int) -> None:
    """Have the model loaded or unloaded. Raises AssertionError when the answer is another."""
    answer = server.post(f"/v2/repository/models/{model.name}/{what}", {})
    assert answer.status_code == status, f"to {what} {model.name} answers {answer.status_code} {answer.text}"


def see(model: Turning) -> None:
    """Wait until the file that is there now has answered, and each caller has asked again since."""
    digest = find_digest(model.files[0])
    least = model.seen[digest] + SEEN
    calls = [caller.calls + 2 for caller in model.callers]  # the second was sent after the change

    def is_seen() -> bool:
        asked = all(caller.calls >= count for caller, count in zip(model.callers, calls, strict=True))
        return asked and (model.seen[digest] >= least or any(caller.failures for caller in model.callers))

    wait_for(is_seen)


def read_result(text: str) -> object:
    """Return what an answer says, its floats with few digits."""
    return json.loads(text, parse_float=lambda number: round(float(number), DIGITS))

"""SIGTERM at moments of chance, while callers of three kinds ask: not one request that was let in is lost.

Whoever asks until shortly before the server lets nobody in any more is answered: over connections that are kept and
over new ones, by HTTP and by gRPC, of a model of microseconds and of one that takes a while. Whoever comes later is
answered, told with Retry-After that the server is ending, or turned away before a word of the answer.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from airgate_protocols import open_inference_pb2 as pb
from airgate_protocols import open_inference_pb2_grpc as rpc
from airgate_serving.fetch import compute_digest
from tests.kit.raw_http import Connections, NotAnswered
from tests.serving.models import WIDTH, make_mlp
from tests.serving.server import RunningServer, start_server

ROUNDS = 60
LATEST_S = 1.5  # after the callers began
LINGER_S = 1.0
DRAIN_S = 20.0
MARGIN_S = 0.4  # before the end of LINGER_S, from which on a request may come too late
SHOWN_EVERY = 20  # rounds
CALLERS = {"kept": 4, "new": 2, "slow": 3, "grpc": 2}
SLOW = "import time\ndef predict(args):\n    time.sleep(0.1)\n    return args['X']\n"
ROW = {"X": [{"x": [0.5] * WIDTH}]}
PATIENCE_S = 30.0
WELL, GONE = "200", "turned away"
Ask = Callable[[], Awaitable[str]]


@dataclass
class Round:
    """One server's end. `answers` has (when it was sent, how it ended) of each request, by kind of caller."""

    answers: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    over: bool = False


def drain(folder: Path, chance: random.Random) -> dict[str, object]:
    """Return how many were answered and turned away. Raises AssertionError when one was lost."""
    counts: Counter[str] = Counter()
    (folder / "mlp.onnx").write_bytes(make_mlp().SerializeToString())
    (folder / "slow.py").write_text(SLOW)
    for number in range(ROUNDS):
        moment = round(chance.uniform(0, LATEST_S), 3)
        counts += drain_once(folder, moment)
        if (number + 1) % SHOWN_EVERY == 0:
            print(f"  drained {number + 1} times: {dict(counts)}", flush=True)
    return {"rounds": ROUNDS, **counts}


def drain_once(folder: Path, moment: float) -> Counter[str]:
    """Start a server, ask, end it so many seconds later; return how many answers there were of each kind."""
    slow = ("--also", "slow", "1", compute_digest(folder / "slow.py"), "script", str(folder / "slow.py"))
    with start_server(folder / "mlp.onnx", *slow, "--linger", str(LINGER_S), "--drain", str(DRAIN_S)) as server:
        told, seen = asyncio.run(ask_and_end(server, moment))
        code = server.process.wait(PATIENCE_S)
        assert code == 0, f"SIGTERM {moment} s after the first request: the exit code is {code}"
    counts: Counter[str] = Counter()
    for kind, answers in seen.answers.items():
        lost = [(round(sent - told, 3), how) for sent, how in answers if is_lost(sent - told, how)]
        assert not lost, f"SIGTERM {moment} s after the first request: lost, by seconds after it, of {kind}: {lost}"
        well = sum(how == WELL for _, how in answers)
        counts += Counter({kind: well, GONE: len(answers) - well})
    return counts


def is_lost(after_s: float, how: str) -> bool:
    """Return whether a request that was sent so long after SIGTERM ought to have ended otherwise."""
    return how != WELL and (how != GONE or after_s < LINGER_S - MARGIN_S)


async def ask_and_end(server: RunningServer, moment: float) -> tuple[float, Round]:
    """Let everybody ask, and SIGTERM come so many seconds later; return when that was and what all have seen."""
    seen = Round({kind: [] for kind in CALLERS})
    connections = Connections(server.ports["http"])
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.ports['grpc']}") as channel:
        asks = make_asks(server, connections, channel)
        async with asyncio.TaskGroup() as callers:
            for kind, many in CALLERS.items():
                for _ in range(many):
                    callers.create_task(ask_until_gone(asks[kind], seen, kind))
            await asyncio.sleep(moment)
            told = time.monotonic()
            server.process.terminate()
            await asyncio.to_thread(server.process.wait, PATIENCE_S)
            seen.over = True
    connections.close()
    return told, seen


def make_asks(server: RunningServer, connections: Connections, channel: grpc.aio.Channel) -> dict[str, Ask]:
    """Return how callers of each kind ask once."""

    async def ask_anew() -> str:
        alone = Connections(server.ports["http"])
        try:
            return await ask_http(alone, "/predict")
        finally:
            alone.close()

    stub = rpc.GRPCInferenceServiceStub(channel)
    return {
        "kept": lambda: ask_http(connections, "/predict"),
        "new": ask_anew,
        "slow": lambda: ask_http(connections, "/models/slow/predict"),
        "grpc": lambda: ask_grpc(stub),
    }


async def ask_until_gone(ask: Ask, seen: Round, kind: str) -> None:
    """Ask again and again until the server is gone or turns this caller away; note how each request ended."""
    while not seen.over:
        sent = time.monotonic()
        async with asyncio.timeout(PATIENCE_S):
            how = await ask()
        seen.answers[kind].append((sent, how))
        if how == GONE:
            return


async def ask_http(connections: Connections, path: str) -> str:
    """Ask once; return the status, "turned away", or what broke."""
    try:
        answer = await connections.post(path, ROW)
        return GONE if answer.status == 503 and "retry-after" in answer.headers else str(answer.status)
    except NotAnswered as error:
        return str(error) if error.begun else GONE
    except (ConnectionError, BrokenPipeError):
        return GONE


async def ask_grpc(stub: rpc.GRPCInferenceServiceStub) -> str:
    """Ask once; return "200" for OK, "turned away" for UNAVAILABLE, else gRPC's own word."""
    tensor = pb.ModelInferRequest.InferInputTensor(name="x", datatype="FP32", shape=[1, WIDTH])
    tensor.contents.fp32_contents.extend([0.5] * WIDTH)
    try:
        await stub.ModelInfer(pb.ModelInferRequest(model_name="m", inputs=[tensor]))
    except grpc.aio.AioRpcError as error:
        return GONE if error.code() is grpc.StatusCode.UNAVAILABLE else f"{error.code()} {error.details()}"
    return WELL

"""What the Cluster suite runs on: one rig an implementation, each with the same handful of words."""

import contextlib
import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from airgate_web.domain.amounts import Amounts
from airgate_web.domain.task import DataFile, Run, Task, TaskKind
from airgate_web.domain.workload import Kind, ModelFile, Observation, Replica, ReplicaState, Workload, WorkloadFacts
from airgate_web.ports import Cluster
from tests.fakes.model_files import make_onnx

RESOURCE = "qualcomm.com/qaic"
SECRET = "a-secret-of-32-bytes-for-the-gate"
DEADLINE = 90.0  # seconds; never reached when all is well


class Rig(Protocol):
    """One implementation, ready to use, with `cards` simulated cards and these files stored by digest."""

    cluster: Cluster
    cards: int
    image: str

    def call(self, workload: WorkloadFacts, secret: str) -> int:
        """Ask the model's metadata at one of the workload's addresses; the HTTP status, 0 when nobody answers."""

    def find_granted(self, replica: str) -> set[str]:
        """Return the cards that a replica's process was given."""

    def find_results(self) -> list[bytes]:
        """Return the files that jobs have sent to the web process, which hears who has SECRET."""

    def crash(self, replica: str) -> None:
        """Kill the replica's process, as a fault in it would."""

    def lose_card(self, card: str) -> None:
        """Let a card die, as the cluster names it."""

    def restore_card(self, card: str) -> None:
        """Let it come back."""

    def close(self) -> None:
        """End it and leave nothing."""


FILES = {f"sha256:{hashlib.sha256(make_onnx(n)).hexdigest()}": make_onnx(n) for n in (2.0, 3.0)}
FIRST, SECOND = FILES
ROWS = b"".join(b'{"x": [%d, 1]}\n' % number for number in range(20_000))
DATA = f"sha256:{hashlib.sha256(ROWS).hexdigest()}"
STORED = {**FILES, DATA: ROWS}


def make_service(rig: Rig, name: str, *, digest: str = FIRST, cards: int = 0, replicas: int = 1) -> Workload:
    """Return the wish for a small ONNX service."""
    return Workload(
        name=name,
        kind=Kind.SERVICE,
        owner=f"qc/{name}",
        image=rig.image,
        amounts=Amounts(cpu_millis=200, memory_mib=512, accelerators=cards, resource=RESOURCE if cards else ""),
        replicas=replicas,
        gate_secret=SECRET,
        model=ModelFile("times", 1, "onnx", "times.onnx", digest, len(FILES[digest])),
    )


def make_job(rig: Rig, name: str, *, chunk: int = 5000, secret: str = SECRET) -> Workload:
    """Return the wish for predictions of ROWS by the small ONNX model; with a wrong secret they cannot be told."""
    task, data = Task(TaskKind.BATCH, chunk=chunk), DataFile("rows.jsonl", "jsonl", DATA, len(ROWS))
    service = make_service(rig, name)
    return dataclasses.replace(service, kind=Kind.JOB, gate_secret=secret, run=Run(7, task, data))


def observe_until(rig: Rig, holds: Callable[[Observation], bool], what: str, seconds: float = DEADLINE) -> Observation:
    """Observe until it holds; fail, with what was last seen, when it does not in time."""
    end = time.monotonic() + seconds
    while True:
        seen = rig.cluster.observe()
        if holds(seen):
            return seen
        assert time.monotonic() < end, f"not seen in {seconds:g} s: {what}; last {seen}"
        rig.cluster.wait(0.5)


def find_facts(seen: Observation, name: str) -> WorkloadFacts | None:
    """Return what is said of one workload, or None."""
    return next((facts for facts in seen.workloads if facts.name == name), None)


def find_states(seen: Observation, name: str) -> list[ReplicaState]:
    """Return the states of a workload's replicas, those that are ending left out."""
    facts = find_facts(seen, name)
    return [each.state for each in facts.replicas if each.state is not ReplicaState.STOPPED] if facts else []


def wait_ready(rig: Rig, name: str, replicas: int = 1) -> WorkloadFacts:
    """Wait until a workload has exactly so many replicas, all Ready, and none ending."""

    def is_so(seen: Observation) -> bool:
        facts = find_facts(seen, name)
        states = [replica.state for replica in facts.replicas] if facts else []
        return states == [ReplicaState.READY] * replicas

    facts = find_facts(observe_until(rig, is_so, f"{name} with {replicas} ready"), name)
    assert facts is not None
    return facts


def wait_ended(rig: Rig, name: str, seconds: float = DEADLINE) -> WorkloadFacts:
    """Wait until a job has ended for good."""

    def is_so(seen: Observation) -> bool:
        facts = find_facts(seen, name)
        return facts is not None and facts.outcome is not None

    facts = find_facts(observe_until(rig, is_so, f"{name} ended", seconds), name)
    assert facts is not None
    return facts


def wait_gone(rig: Rig, name: str) -> None:
    """Wait until nothing of a workload is left."""
    observe_until(rig, lambda seen: find_facts(seen, name) is None, f"{name} gone")


def wait_named(rig: Rig, name: str, cards: int) -> Replica:
    """Wait until it is known by name which cards a workload's replica holds, and return that replica."""

    def is_named(seen: Observation) -> bool:
        facts = find_facts(seen, name)
        return facts is not None and [len(set(each.devices)) for each in facts.replicas] == [cards]

    facts = find_facts(observe_until(rig, is_named, f"{cards} cards of {name} by name"), name)
    assert facts is not None
    return facts.replicas[0]


@contextlib.contextmanager
def losing(rig: Rig, card: str) -> Iterator[Observation]:
    """Let a card be dead, seen to be so, while the block runs; and well again, and on offer, after it."""
    rig.lose_card(card)
    try:
        yield observe_until(rig, lambda seen: [each.id for each in seen.devices if each.lost] == [card], "it is lost")
    finally:
        rig.restore_card(card)
        observe_until(rig, lambda seen: is_whole(rig, seen), "it is back")


def is_whole(rig: Rig, seen: Observation) -> bool:
    """Say whether every card is well, by name and by the node's own count."""
    return all(each.healthy for each in seen.devices) and seen.nodes[0].allocatable[RESOURCE] == rig.cards


def find_holding(seen: Observation, name: str) -> set[str]:
    """Return the names of a workload's replicas that are not ending."""
    facts = find_facts(seen, name)
    return {each.name for each in facts.replicas if each.state is not ReplicaState.STOPPED} if facts else set()

"""Why something waits, in one sentence."""

import pytest

from airgate_web.domain.amounts import Amounts
from airgate_web.domain.explain import explain_wait
from airgate_web.domain.workload import DeviceFacts, Holder, Kind, NodeFacts, Observation, Replica, ReplicaState
from tests.fakes.samples import make_node

QAIC = "qualcomm.com/qaic"
WAITING = Replica("live-1", ReplicaState.WAITING, "d" * 64, reason="Insufficient memory")


def ask(cards: int = 0, cpu: int = 1000, memory: int = 1024) -> Amounts:
    """Return what one replica asks for."""
    return Amounts(cpu, memory, cards, QAIC if cards else "")


def cards(name: str, capacity: int, healthy: int | None = None, **more: object) -> NodeFacts:
    """Return a node with so many cards."""
    counts = {QAIC: capacity}, {QAIC: capacity if healthy is None else healthy}
    return make_node(name, capacity=counts[0], allocatable=counts[1], **more)


def hold(count: int, owner: str, node: str = "n1", resource: str = QAIC) -> Holder:
    """Return somebody who holds cards."""
    return Holder(resource, count, owner, f"{owner}-1", node)


TWO_NODES = (cards("n1", 4), cards("n2", 4))


@pytest.mark.parametrize(
    ("asked", "nodes", "holders", "devices", "sentence"),
    [
        (ask(), (), (), (), "No ready node has the class 'deploy': label one, or bring its node back."),
        (
            ask(),
            (make_node(ready=False), make_node(classes=("control",))),
            (),
            (),
            "No ready node has the class 'deploy': label one, or bring its node back.",
        ),
        (ask(cpu=9500), (make_node(),), (), (), "Asks 9.5 cores, the largest node has 8: ask for less."),
        (
            ask(memory=20480),
            (make_node(),),
            (),
            (),
            "Asks 20 GiB of memory, the largest node has 16.0: ask for less.",
        ),
        (
            ask(1),
            (make_node(capacity={}, allocatable={}),),
            (),
            (),
            f"Asks 1 {QAIC}, and no node has any: check the cards, or deploy without.",
        ),
        (ask(8), TWO_NODES, (), (), f"Asks 8 {QAIC} on one node, the largest has 4: ask for less."),
        (
            ask(2),
            (cards("n1", 4),),
            (hold(3, "qc/digits"), hold(1, "qc/old", resource="nvidia.com/gpu")),
            (),
            f"Asks 2 {QAIC}, 1 of 4 free: 3 held by qc/digits.",
        ),
        (
            ask(2),
            TWO_NODES,
            (hold(3, "qc/a", "n1"), hold(2, "qc/b", "n2"), hold(1, "qc/c", "n2")),
            (),
            f"Asks 2 {QAIC}, 2 of 8 free, not enough on any one node: 3 held by qc/a, 2 held by qc/b, 1 held by qc/c.",
        ),
        (
            ask(2),
            (cards("n1", 4, healthy=2),),
            (hold(1, "qc/a"),),
            (
                DeviceFacts("qaic2", QAIC, "n1", healthy=False, reason="offline"),
                DeviceFacts("qaic3", QAIC, "n1", healthy=False),
            ),
            f"Asks 2 {QAIC}, 1 of 4 free: 1 held by qc/a, 2 unhealthy (qaic2: offline, qaic3: no reason given).",
        ),
        (
            ask(1),
            (cards("n1", 2, healthy=0),),
            (hold(1, "qc/a"),),
            (),
            f"Asks 1 {QAIC}, 0 of 2 free: 1 held by qc/a, 2 unhealthy.",
        ),
        (
            ask(1),
            (cards("n1", 2), cards("n2", 2, classes=("compute",))),
            (hold(2, "qc/a"), hold(1, "qc/test", "n2")),
            (),
            f"Asks 1 {QAIC}, 0 of 2 free: 2 held by qc/a.",
        ),
        (ask(1), (cards("n1", 4),), (), (), "live-1 waits: Insufficient memory."),
    ],
)
def test_who_waits_is_told_why(
    asked: Amounts,
    nodes: tuple[NodeFacts, ...],
    holders: tuple[Holder, ...],
    devices: tuple[DeviceFacts, ...],
    sentence: str,
) -> None:
    """Every Pending says what is asked, what is free, and who holds the rest."""
    observed = Observation((), nodes, holders, devices)
    assert explain_wait(Kind.SERVICE, asked, WAITING, observed) == sentence


@pytest.mark.parametrize(
    ("state", "reason", "sentence"),
    [
        (ReplicaState.READY, "", ""),
        (ReplicaState.STARTING, "", ""),
        (ReplicaState.FAILED, "exit code 3: no such file", "live-1: exit code 3: no such file"),
    ],
)
def test_other_states_speak_for_themselves(state: ReplicaState, reason: str, sentence: str) -> None:
    """What is ready needs no words; what failed has the cluster's own."""
    replica = Replica("live-1", state, "d" * 64, reason=reason)
    assert explain_wait(Kind.SERVICE, ask(), replica, Observation()) == sentence


def test_a_wait_without_any_reason_says_so() -> None:
    """No empty line where a reason belongs."""
    replica = Replica("live-1", ReplicaState.WAITING, "d" * 64)
    observed = Observation(nodes=(make_node(),))
    expected = "live-1 waits: the cluster gives no reason yet."
    assert explain_wait(Kind.SERVICE, ask(), replica, observed) == expected


def test_a_tester_looks_for_a_node_of_the_compute_class() -> None:
    """Each kind of work has its nodes."""
    observed = Observation(nodes=(make_node(classes=("deploy",)),))
    assert "'compute'" in explain_wait(Kind.TESTER, ask(), WAITING, observed)

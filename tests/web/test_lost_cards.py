"""Cards that die in a replica's hands: who is replaced, who stays, and what a person reads. Tables, then rounds."""

import pytest

from airgate_web.domain.amounts import Amounts
from airgate_web.domain.explain import explain_wait, find_free
from airgate_web.domain.lost_cards import mark_stranded, plan_replacements
from airgate_web.domain.plan import ReplaceReplica
from airgate_web.domain.workload import (
    DeviceFacts,
    Holder,
    Kind,
    Observation,
    Replica,
    ReplicaState,
    Workload,
    WorkloadFacts,
)
from tests.fakes.samples import make_node

QAIC = "qualcomm.com/qaic"
WHY = "it left the PCI bus; reseat the card or reboot the node"


def make_wish(name: str, cards: int = 1) -> Workload:
    """Return a service that asks for so many cards."""
    return Workload(name, Kind.SERVICE, f"qc/{name}", "", Amounts(500, 512, cards, QAIC), 1, "secret")


def hold(name: str, *devices: str, state: ReplicaState = ReplicaState.READY, node: str = "n1") -> WorkloadFacts:
    """Return a workload whose one replica holds these cards."""
    replica = Replica(f"{name}-1", state, "d" * 64, node, devices)
    return WorkloadFacts(name, Kind.SERVICE, "d" * 64, (replica,), ())


def see(
    workloads: tuple[WorkloadFacts, ...], lost: str = "", out: str = "", cards: str = "abcd", stale: int = 0
) -> Observation:
    """Return one node with cards of one letter each: the lost ones, and those out of service.

    stale: by how many cards the node's own count lags behind.
    """
    devices = [DeviceFacts(each, QAIC, "n1", each not in lost + out, WHY, each in lost) for each in cards]
    healthy = len(cards) - len(lost) - len(out) + stale
    node = make_node(capacity={QAIC: len(cards)}, allocatable={QAIC: healthy})
    holders = [
        Holder(QAIC, len(each.devices), f"qc/{facts.name}", each.name, "n1", devices=each.devices)
        for facts in workloads
        for each in facts.replicas
    ]
    return Observation(workloads, (node,), tuple(holders), tuple(devices))


@pytest.mark.parametrize(
    ("observed", "replaced"),
    [
        (see((hold("x", "a"),)), []),
        (see((hold("x", "a"),), lost="a"), ["x-1"]),
        (see((hold("x", "a"),), lost="b"), []),  # somebody else's trouble
        (see((hold("x", "a"),), out="a"), []),  # out of service: who holds it keeps it
        (see((hold("x", "a"),), lost="a", cards="a"), []),  # no spare
        (see((hold("x", "a"),), lost="a", cards="a", stale=1), []),  # nor one that the node counts by mistake
        (see((hold("x", "a"), hold("y", "b", "c", "d")), lost="a"), []),  # every other is held
        (see((hold("x", "a"), hold("y", "b")), lost="ab", cards="abc"), ["x-1"]),  # one spare for two
        (see((hold("x", "a"), hold("y", "b")), lost="ab"), ["x-1", "y-1"]),
        (see((hold("x", "a", state=ReplicaState.FAILED),), lost="a"), ["x-1"]),
        (see((hold("x", "a", state=ReplicaState.STOPPED),), lost="a"), []),  # on its way out already
        (see((hold("x", "a", node="n2"),), lost="a"), []),  # another node's card of the same name
        (see((hold("w", "a", "b"),), lost="a", cards="abc"), ["w-1"]),  # its own healthy one and the spare do
        (see((hold("w", "a", "b"),), lost="a", cards="ab"), []),
        (see((hold("gone", "a"),), lost="a"), []),  # nobody wants it any more
    ],
)
def test_a_replica_on_a_lost_card_is_replaced_where_a_spare_is(observed: Observation, replaced: list[str]) -> None:
    """At most as many as there are spares, and never one that could go on."""
    wishes = [make_wish("x"), make_wish("y", 1), make_wish("w", 2)]
    actions = plan_replacements(wishes, observed)
    assert [action.replica for action in actions] == replaced
    assert all(action == ReplaceReplica(action.replica.removesuffix("-1"), action.replica) for action in actions)


def test_without_a_spare_the_page_names_the_card_and_what_to_do() -> None:
    """A deployment that probes call ready, and that cannot compute, is not called Ready."""
    observed = see((hold("x", "a"), hold("y", "b", "c")), lost="a", cards="abc")
    (marked,) = mark_stranded(Kind.SERVICE, make_wish("x").amounts, observed.workloads[0].replicas, observed)
    assert marked.state is ReplicaState.FAILED
    assert marked.reason == (
        f"lost its card a ({WHY}) on n1, and no other {QAIC} is free: 2 held by qc/y. "
        "Bring the card back, or free another: it then goes on by itself."
    )


def test_with_a_spare_the_page_says_that_another_takes_its_place() -> None:
    """For the moment until the successor is there; who is well is left as it is."""
    observed = see((hold("x", "a"), hold("y", "b")), lost="a")
    amounts = make_wish("x").amounts
    (marked,) = mark_stranded(Kind.SERVICE, amounts, observed.workloads[0].replicas, observed)
    assert marked.reason == f"lost its card a ({WHY}) on n1; another one takes its place."
    well = observed.workloads[1].replicas
    assert mark_stranded(Kind.SERVICE, amounts, well, observed) == well


def test_a_dead_card_in_somebodys_hands_hides_no_healthy_one() -> None:
    """Of four cards one is dead and held: three are free, not two."""
    observed = see((hold("x", "a"),), lost="a")
    assert find_free(observed.nodes[0], QAIC, observed) == 3


def test_who_waits_because_the_scheduler_counts_a_held_sick_card_is_told_whose() -> None:
    """Nothing else in the cluster says it: its own message is that cards do not suffice."""
    observed = see((hold("x", "a"),), out="a", cards="ab")
    waiting = Replica("z-1", ReplicaState.WAITING, "d" * 64, reason="Insufficient qualcomm.com/qaic")
    assert explain_wait(Kind.SERVICE, make_wish("z").amounts, waiting, observed) == (
        "Cards are free, but qc/x holds a, unhealthy, which the scheduler counts as one of the healthy ones: end x-1."
    )

"""From what is wanted and what is seen to what is done."""

import dataclasses

import pytest

from airgate_web.domain.deployment import find_workload
from airgate_web.domain.plan import ApplyWorkload, RemoveReplica, RemoveWorkload, plan_actions
from airgate_web.domain.workload import (
    Kind,
    Observation,
    Replica,
    ReplicaState,
    Workload,
    WorkloadFacts,
    find_replica_digest,
    find_spec_digest,
)
from tests.fakes.samples import make_deployment


def make_wish(name: str = "live", **changes: object) -> Workload:
    """Return the workload of a deployment."""
    return find_workload(make_deployment(name=name, **changes))


def see(*wishes: Workload) -> Observation:
    """Return an observation of a cluster that runs exactly these wishes."""
    return Observation(tuple(WorkloadFacts(each.name, each.kind, find_spec_digest(each), (), ()) for each in wishes))


def test_what_is_wanted_and_not_there_is_applied() -> None:
    """A wish is carried out."""
    wish = make_wish()
    assert plan_actions([wish], Observation()) == (ApplyWorkload(wish),)


def test_what_is_there_as_it_is_wanted_is_left_alone() -> None:
    """Looking again does nothing."""
    wishes = [make_wish("a"), make_wish("b")]
    assert plan_actions(wishes, see(*wishes)) == ()


def test_what_is_there_otherwise_is_applied() -> None:
    """A changed wish is carried out, whatever has changed."""
    wish = make_wish()
    for changed in (make_wish(replicas=3), make_wish(image="other@sha256:1"), make_wish(gate_secret="t" * 32)):
        assert plan_actions([changed], see(wish)) == (ApplyWorkload(changed),)


def test_what_is_there_and_not_wanted_is_removed_before_anything_is_applied() -> None:
    """Removals free the cards that the rest may wait for."""
    old, new = make_wish("z-old"), make_wish("a-new")
    assert plan_actions([new], see(old)) == (RemoveWorkload(old.name), ApplyWorkload(new))


def test_what_is_still_ending_is_removed_again() -> None:
    """A removal that was lost half-way is repeated; an empty digest equals no wish."""
    ending = Observation((WorkloadFacts("d-x", Kind.SERVICE, "", (), ()),))
    assert plan_actions([], ending) == (RemoveWorkload("d-x"),)


def see_over(wish: Workload, *states: ReplicaState) -> Observation:
    """Return a cluster with one replica of a wish that is over, `live-0`, and one in each of these states."""
    replicas = tuple(Replica(f"live-{n}", state, find_replica_digest(wish)) for n, state in enumerate(states, 1))
    shown = replicas or (Replica("live-0", ReplicaState.FAILED, find_replica_digest(wish)),)
    return Observation((WorkloadFacts(wish.name, wish.kind, find_spec_digest(wish), shown, (), over=("live-0",)),))


@pytest.mark.parametrize("state", [ReplicaState.READY, ReplicaState.STARTING, ReplicaState.WAITING])
def test_a_replica_that_is_over_goes_once_another_has_come(state: ReplicaState) -> None:
    """What a node refused when it came back is not listed for ever."""
    wish = make_wish()
    assert plan_actions([wish], see_over(wish, ReplicaState.STOPPED, state)) == (RemoveReplica("live-0"),)


@pytest.mark.parametrize("states", [(), (ReplicaState.STOPPED,), (ReplicaState.FAILED,)])
def test_a_replica_that_is_over_stays_while_none_has_come_for_it(states: tuple[ReplicaState, ...]) -> None:
    """It says why there is none."""
    wish = make_wish()
    assert plan_actions([wish], see_over(wish, *states)) == ()


def test_of_what_is_wanted_no_more_nothing_that_is_over_is_left() -> None:
    """Scaled to none it goes by itself, removed it goes with the rest."""
    none = make_wish(replicas=0)
    assert plan_actions([none], see_over(none)) == (RemoveReplica("live-0"),)
    assert plan_actions([], see_over(none)) == (RemoveWorkload(none.name),)


def test_the_plan_does_not_depend_on_the_order_of_the_wishes() -> None:
    """Two reconcilers come to the same plan."""
    wishes = [make_wish(name) for name in "cab"]
    assert plan_actions(wishes, Observation()) == plan_actions(reversed(wishes), Observation())


def test_scaling_changes_the_wish_and_no_replica() -> None:
    """A replica that stays is the same replica."""
    wish = make_wish()
    scaled = dataclasses.replace(wish, replicas=9)
    assert find_spec_digest(wish) != find_spec_digest(scaled)
    assert find_replica_digest(wish) == find_replica_digest(scaled)
    assert find_replica_digest(wish) != find_replica_digest(make_wish(gate_secret="t" * 32))


def test_a_gate_secret_shows_nowhere() -> None:
    """A log line of a wish is safe to send to support."""
    assert "s" * 32 not in repr(ApplyWorkload(make_wish()))

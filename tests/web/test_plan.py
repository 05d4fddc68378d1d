"""From what is wanted and what is seen to what is done."""

import dataclasses

from airgate_web.domain.deployment import find_workload
from airgate_web.domain.plan import ApplyWorkload, RemoveWorkload, plan_actions
from airgate_web.domain.workload import (
    Kind,
    Observation,
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

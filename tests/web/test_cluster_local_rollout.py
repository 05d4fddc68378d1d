"""How old replicas make room for new ones."""

import pytest

from airgate_web.adapters.cluster_local.rollout import Seen, Steps, plan_rollout


def new(name: str, *, ready: bool = True, waits: bool = False, cards: int = 0) -> Seen:
    """Return a replica of the wish as it is now."""
    return Seen(name, int(name[1:]), True, ready, waits, cards)


def old(name: str, *, ready: bool = True, cards: int = 0) -> Seen:
    """Return a replica of an earlier wish."""
    return Seen(name, int(name[1:]), False, ready, False, cards)


@pytest.mark.parametrize(
    ("wanted", "seen", "steps"),
    [
        (0, (), Steps()),
        (3, (), Steps(start=3)),
        (2, (new("a1"), new("a2")), Steps()),
        (3, (new("a1"), new("a2", ready=False)), Steps(start=1)),
        (1, (new("a1"), new("a2"), new("a3")), Steps(stop=("a2", "a3"))),
        (1, (new("a1", ready=False), new("a2")), Steps(stop=("a1",))),
        (0, (new("a1"), old("a0")), Steps(stop=("a1", "a0"))),
        # A change: one more is started, and an old one goes when a new one answers.
        (1, (old("a1"),), Steps(start=1)),
        (1, (old("a1"), new("a2", ready=False)), Steps()),
        (1, (old("a1"), new("a2")), Steps(stop=("a1",))),
        (2, (old("a1"), old("a2")), Steps(start=1)),
        (2, (old("a1"), old("a2"), new("a3")), Steps(start=1, stop=("a1",))),
        (2, (old("a2"), new("a3"), new("a4", ready=False)), Steps()),
        (2, (old("a2"), new("a3"), new("a4")), Steps(stop=("a2",))),
        # A change that scales up as well, or down.
        (4, (old("a1"),), Steps(start=3)),
        (1, (old("a1"), old("a2"), old("a3")), Steps(start=1, stop=("a1", "a2"))),
        # An old one that does not answer helps nobody.
        (1, (old("a1", ready=False),), Steps(start=1, stop=("a1",))),
    ],
)
def test_a_rollout_has_no_gap(wanted: int, seen: tuple[Seen, ...], steps: Steps) -> None:
    """As many answer as are wanted, from the first step to the last."""
    assert plan_rollout(wanted, seen, asked=0, free=0, ending=False) == steps


@pytest.mark.parametrize(
    ("asked", "free", "ending", "seen", "stop"),
    [
        (1, 0, False, (old("a1", cards=1), new("a2", ready=False, waits=True)), ("a1",)),
        (1, 0, True, (old("a1", cards=1), new("a2", ready=False, waits=True)), ()),
        (2, 0, False, (old("a1", cards=1), new("a2", ready=False, waits=True)), ()),
        (2, 1, False, (old("a1", cards=1), new("a2", ready=False, waits=True)), ("a1",)),
        (1, 0, False, (old("a1"), new("a2", ready=False, waits=True)), ()),
        (1, 1, False, (old("a1", cards=1), new("a2", ready=False)), ()),
    ],
)
def test_an_old_replica_gives_its_cards_to_a_new_one_only_when_that_helps(
    asked: int, free: int, ending: bool, seen: tuple[Seen, ...], stop: tuple[str, ...]
) -> None:
    """No service is stopped for a change that cannot start all the same."""
    assert plan_rollout(1, seen, asked=asked, free=free, ending=ending).stop == stop

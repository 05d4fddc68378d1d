"""From the replicas there are to those there should be, one step at a time and without a gap. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seen:
    """What matters of one replica that is not ending.

    current: it was started for the wish as it is now. waits: for cards. cards: how many it holds.
    """

    name: str
    order: int
    current: bool
    ready: bool
    waits: bool = False
    cards: int = 0


@dataclass(frozen=True, slots=True)
class Steps:
    """What to do now: start so many, stop these. More steps follow when these have had their effect."""

    start: int = 0
    stop: tuple[str, ...] = ()


def plan_rollout(wanted: int, seen: Sequence[Seen], *, asked: int, free: int, ending: bool) -> Steps:
    """Return the next steps.

    wanted: replicas. asked: cards a replica asks for; free: cards free now. ending: some replica of this workload is
    on its way out, so that its cards are about to be free.
    """
    new = rank([replica for replica in seen if replica.current])
    old = rank([replica for replica in seen if not replica.current])
    surplus = tuple(replica.name for replica in new[wanted:])
    if not wanted or not old:
        leaving = surplus + tuple(replica.name for replica in old)
        return Steps(max(0, wanted - len(new)), leaving)
    serving = [replica for replica in old if replica.ready]
    idle = tuple(replica.name for replica in old if not replica.ready)
    leaving = choose_leaving(wanted, new[:wanted], serving, asked=asked, free=free, ending=ending)
    return Steps(count_starts(wanted, new, serving), surplus + idle + leaving)


def rank(replicas: Sequence[Seen]) -> list[Seen]:
    """Return the replicas, those to keep first: ready before not ready, then the oldest."""
    return sorted(replicas, key=lambda replica: (not replica.ready, replica.order))


def count_starts(wanted: int, new: Sequence[Seen], serving: Sequence[Seen]) -> int:
    """Return how many of the new wish to start while old ones serve: one above `wanted`, and one after the other."""
    missing = wanted - len(new)
    if missing <= 0:
        return 0
    under_way = any(not replica.ready for replica in new)
    return max(0 if under_way else 1, missing - len(serving))


def choose_leaving(
    wanted: int, new: Sequence[Seen], serving: Sequence[Seen], *, asked: int, free: int, ending: bool
) -> tuple[str, ...]:
    """Return which serving old replicas may go: those above `wanted`, or one whose cards a new one waits for."""
    spare = sum(replica.ready for replica in new) + len(serving) - wanted
    if spare > 0:
        return tuple(replica.name for replica in serving[:spare])
    waits = any(replica.waits for replica in new)
    enough = free + sum(replica.cards for replica in serving) >= asked
    if waits and enough and not ending:
        return tuple(replica.name for replica in serving if replica.cards)[:1]
    return ()

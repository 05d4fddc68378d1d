"""Which of the free devices a container should best get: cards kept whole, broken cards first, then NUMA.

A card is whole when every SoC that its board has is free; a card with a dead or a granted SoC is broken and serves
small wishes first, so that large ones still find whole cards.
By the operator's choice wishes are spread instead. A card on which a workload sits whose pod is gone comes last, and of
its SoCs those that are busy come last. The answer is a hint: it never fails.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from airgate_plugin.model import Device, Packing


@dataclass(frozen=True, slots=True)
class FreeCard:
    """The free SoCs of one card. `size` is what the board has, free or not; `is_busy`: a workload was left on it."""

    name: str
    free: tuple[str, ...]
    size: int
    numa: int | None
    is_busy: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether nothing of the card is granted or dead."""
        return len(self.free) >= self.size


def choose_preferred(
    available: Sequence[str],
    must: Sequence[str],
    size: int,
    devices: Mapping[str, Device],
    packing: Packing = Packing.PACKED,
    busy: AbstractSet[str] = frozenset(),
) -> tuple[str, ...]:
    """Return `size` device ids out of `available`, `must` among them, best first.

    An id that `devices` does not know counts as a card of its own. Where fewer are available than asked for, all of
    them are returned. `busy` are the devices with a workload whose pod is gone.
    """
    if packing is Packing.SPREAD:
        return choose_spread(available, must, size, devices, busy)
    chosen = list(dict.fromkeys(must))
    free = [each for each in dict.fromkeys(available) if each not in chosen]
    begun = {_find_card(each, devices) for each in chosen}
    numas = {devices[each].numa for each in chosen if each in devices}
    while len(chosen) < size and free:
        cards = find_free_cards(free, devices, busy)
        near = _find_near(cards, numas, size - len(chosen))
        best = min(cards, key=lambda card: _rank(card, size - len(chosen), begun, near))
        taken = best.free[: size - len(chosen)]
        chosen += taken
        numas.add(best.numa)
        begun.discard(best.name)
        free = [each for each in free if each not in taken]
    return tuple(chosen)


def choose_spread(
    available: Sequence[str],
    must: Sequence[str],
    size: int,
    devices: Mapping[str, Device],
    busy: AbstractSet[str] = frozenset(),
) -> tuple[str, ...]:
    """Return `size` ids from as many cards as can be: the card that gave least is next, the fullest first."""
    chosen = list(dict.fromkeys(must))
    free = [each for each in dict.fromkeys(available) if each not in chosen]
    while len(chosen) < size and free:
        given = Counter(_find_card(each, devices) for each in chosen)
        cards = find_free_cards(free, devices, busy)
        best = min(cards, key=lambda card: (card.is_busy, given[card.name], -len(card.free), card.free[0]))
        chosen.append(best.free[0])
        free.remove(best.free[0])
    return tuple(chosen)


def find_free_cards(
    free: Iterable[str], devices: Mapping[str, Device], busy: AbstractSet[str] = frozenset()
) -> tuple[FreeCard, ...]:
    """Return the cards that have a SoC among `free`, with what is free of each, busy SoCs last."""
    busy_cards = {_find_card(each, devices) for each in busy}
    groups: dict[str, list[str]] = {}
    for each in free:
        groups.setdefault(_find_card(each, devices), []).append(each)
    in_order = {name: sorted(group, key=lambda each: (each in busy, each)) for name, group in groups.items()}
    return tuple(_describe_card(name, group, devices, name in busy_cards) for name, group in in_order.items())


def _describe_card(name: str, group: list[str], devices: Mapping[str, Device], is_busy: bool) -> FreeCard:
    first = devices.get(group[0])
    members = sum(1 for device in devices.values() if device.card == name)
    size = max(members, first.card_size) if first else 1
    return FreeCard(name, tuple(group), size, first.numa if first else None, is_busy)


def _find_near(cards: Sequence[FreeCard], numas: set[int | None], wanted: int) -> set[int | None]:
    """Return the NUMA nodes to prefer: those begun, else those that can give all that is wanted."""
    if numas:
        return numas
    free: dict[int | None, int] = {}
    for card in cards:
        free[card.numa] = free.get(card.numa, 0) + len(card.free)
    return {numa for numa, count in free.items() if count >= wanted}


def _rank(card: FreeCard, wanted: int, begun: set[str], near: set[int | None]) -> tuple[object, ...]:
    """Return what a card is sorted by, lowest first.

    First a card that the container already has a part of; then one on which no workload was left; then a whole card
    where a whole one is wanted; then the tightest fit, broken before whole; a card that cannot give all that is wanted
    comes last, the largest first.
    """
    fits = len(card.free) >= wanted
    is_wanted_whole = card.is_whole and card.size > 1 and wanted >= card.size
    spare = len(card.free) - wanted if fits else -len(card.free)
    return (
        card.name not in begun,
        card.is_busy,
        not is_wanted_whole,
        not fits,
        card.is_whole,
        spare,
        card.numa not in near,
        card.free[0],
    )


def _find_card(each: str, devices: Mapping[str, Device]) -> str:
    return devices[each].card if each in devices else each

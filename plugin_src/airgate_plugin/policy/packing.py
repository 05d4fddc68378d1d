"""Which of the free devices a container should best get: cards kept whole, broken cards first, then NUMA.

A card is whole when every SoC that its board has is free; a card with a dead or a granted SoC is broken and serves
small wishes first, so that large ones still find whole cards.
By the operator's choice wishes are spread instead. The answer is a hint: it never fails.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from airgate_plugin.model import Device, Packing


@dataclass(frozen=True, slots=True)
class FreeCard:
    """The free SoCs of one card. `size` is what the board has, free or not."""

    name: str
    free: tuple[str, ...]
    size: int
    numa: int | None

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
) -> tuple[str, ...]:
    """Return `size` device ids out of `available`, `must` among them, best first.

    An id that `devices` does not know counts as a card of its own. Where fewer are available than asked for, all of
    them are returned.
    """
    if packing is Packing.SPREAD:
        return choose_spread(available, must, size, devices)
    chosen = list(dict.fromkeys(must))
    free = [each for each in dict.fromkeys(available) if each not in chosen]
    begun = {_find_card(each, devices) for each in chosen}
    numas = {devices[each].numa for each in chosen if each in devices}
    while len(chosen) < size and free:
        cards = find_free_cards(free, devices)
        near = _find_near(cards, numas, size - len(chosen))
        best = min(cards, key=lambda card: _rank(card, size - len(chosen), begun, near))
        taken = best.free[: size - len(chosen)]
        chosen += taken
        numas.add(best.numa)
        begun.discard(best.name)
        free = [each for each in free if each not in taken]
    return tuple(chosen)


def choose_spread(
    available: Sequence[str], must: Sequence[str], size: int, devices: Mapping[str, Device]
) -> tuple[str, ...]:
    """Return `size` ids from as many cards as can be: the card that gave least is next, the fullest first."""
    chosen = list(dict.fromkeys(must))
    free = [each for each in dict.fromkeys(available) if each not in chosen]
    while len(chosen) < size and free:
        given = Counter(_find_card(each, devices) for each in chosen)
        best = min(find_free_cards(free, devices), key=lambda card: (given[card.name], -len(card.free), card.free[0]))
        chosen.append(best.free[0])
        free.remove(best.free[0])
    return tuple(chosen)


def find_free_cards(free: Iterable[str], devices: Mapping[str, Device]) -> tuple[FreeCard, ...]:
    """Return the cards that have a SoC among `free`, with what is free of each."""
    groups: dict[str, list[str]] = {}
    for each in free:
        groups.setdefault(_find_card(each, devices), []).append(each)
    return tuple(_describe_card(name, sorted(group), devices) for name, group in groups.items())


def _describe_card(name: str, group: list[str], devices: Mapping[str, Device]) -> FreeCard:
    first = devices.get(group[0])
    members = sum(1 for device in devices.values() if device.card == name)
    size = max(members, first.card_size) if first else 1
    return FreeCard(name, tuple(group), size, first.numa if first else None)


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

    First a card that the container already has a part of; then a whole card where a whole one is wanted; then the
    tightest fit, broken before whole; a card that cannot give all that is wanted comes last, the largest first.
    """
    fits = len(card.free) >= wanted
    is_wanted_whole = card.is_whole and card.size > 1 and wanted >= card.size
    spare = len(card.free) - wanted if fits else -len(card.free)
    return (
        card.name not in begun,
        not is_wanted_whole,
        not fits,
        card.is_whole,
        spare,
        card.numa not in near,
        card.free[0],
    )


def _find_card(each: str, devices: Mapping[str, Device]) -> str:
    return devices[each].card if each in devices else each

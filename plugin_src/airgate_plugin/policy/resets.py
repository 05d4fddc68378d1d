"""When a SoC that a vanished pod held is reset, where the operator asked for it. Pure.

A reset ends every workload on the card, so the whole card must be free, and must stay so: all its SoCs are barred
first, which the kubelet hears as Unhealthy, and Allocate refuses them. Only when the kubelet, asked again after that,
still names no holder, the SoC is reset; and the card stays barred until its signs have had time to tell of it. A SoC
whose card is not known, because nobody told its SKU or not all SoCs of its board are seen, is never reset.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from airgate_plugin.model import Device, Vendor

BAR_SECONDS = 2.0  # a grant that was under way when the card was barred is with Pod Resources by then
HOLD_SECONDS = 15.0  # after the reset; a SoC that is away longer is ill by its own signs

Cards = Mapping[str, Sequence[Device]]


@dataclass(frozen=True, slots=True)
class Resets:
    """What is to be reset, what is barred for it, and what came of it, since the start.

    `waiting` are device ids; `barred` says since when nobody is granted a device, by id; `written` when a card was
    reset, by its name; in seconds of the monotonic clock. `overtaken` counts SoCs that another pod had before.
    """

    waiting: frozenset[str] = frozenset()
    barred: Mapping[str, float] = field(default_factory=dict)
    written: Mapping[str, float] = field(default_factory=dict)
    done: int = 0
    failed: int = 0
    overtaken: int = 0


def follow_resets(
    before: Resets,
    released: AbstractSet[str],
    held: AbstractSet[str],
    devices: Sequence[Device],
    busy: AbstractSet[str],
    now: float,
) -> Resets:
    """Return what is waiting and barred after one answer of Pod Resources.

    `released` are the ids whose holder is gone since the last answer, `held` those that a pod holds, `busy` those on
    which a workload sits.
    """
    cards = group_cards(devices)
    wanted = before.waiting | released
    waiting = frozenset(each.id for group in cards.values() for each in group if each.id in wanted - held)
    written = {card: at for card, at in before.written.items() if now - at < HOLD_SECONDS}
    free = {card for card, group in cards.items() if is_free(group, waiting, held, busy)}
    barred = [each.id for card in free | set(written) for each in cards.get(card, ())]
    overtaken = before.overtaken + len(wanted & held)
    since: dict[str, float] = {each: before.barred.get(each, now) for each in barred}
    return replace(before, waiting=waiting, barred=since, written=written, overtaken=overtaken)


def pause_resets(before: Resets, devices: Sequence[Device], now: float) -> Resets:
    """Return the resets while nobody tells who holds what: nothing is barred, what was reset is let go."""
    written = {card: at for card, at in before.written.items() if now - at < HOLD_SECONDS}
    ids = {each.id for each in devices if each.card in written}
    return replace(before, written=written, barred={each: at for each, at in before.barred.items() if each in ids})


def group_cards(devices: Iterable[Device]) -> dict[str, list[Device]]:
    """Return the SoCs of each card of which is known how many SoCs it has, and all of them are seen."""
    cards: dict[str, list[Device]] = {}
    for device in devices:
        if device.vendor is Vendor.QUALCOMM and device.sku:
            cards.setdefault(device.card, []).append(device)
    return {card: group for card, group in cards.items() if len(group) >= group[0].card_size}


def is_free(group: Sequence[Device], waiting: AbstractSet[str], held: AbstractSet[str], busy: AbstractSet[str]) -> bool:
    """Return whether a card has a SoC to reset, and a reset would end nothing but what a vanished pod left."""
    ids = {each.id for each in group}
    return bool(ids & waiting) and ids.isdisjoint(held) and ids.isdisjoint(busy - waiting)


def find_due(resets: Resets, devices: Sequence[Device], now: float) -> tuple[Device, ...]:
    """Return the SoCs to reset now: their whole card was barred long enough."""
    due: list[Device] = []
    for card, group in group_cards(devices).items():
        since = [resets.barred.get(each.id, now) for each in group]
        if card not in resets.written and now - max(since) >= BAR_SECONDS:
            due += [each for each in group if each.id in resets.waiting]
    return tuple(due)


def note_written(resets: Resets, done: Sequence[Device], failed: Sequence[Device], now: float) -> Resets:
    """Return the resets after some were tried; what failed is not tried again."""
    tried = {each.id for each in (*done, *failed)}
    written = {**resets.written, **{each.card: now for each in done}}
    done_now, failed_now = resets.done + len(done), resets.failed + len(failed)
    return replace(resets, waiting=resets.waiting - tried, written=written, done=done_now, failed=failed_now)


def forgive_falls(devices: Sequence[Device], before: Sequence[Device], barred: AbstractSet[str]) -> tuple[Device, ...]:
    """Return the devices without the falls of those that are being reset: a reset is no sign of a flapping card."""
    known = {device.id: device.find_judged().falls for device in before}
    return tuple(_forgive(each, known.get(each.id, ())) if each.id in barred else each for each in devices)


def _forgive(device: Device, falls: tuple[float, ...]) -> Device:
    if device.judged:
        return replace(device, judged=replace(device.judged, falls=falls))
    return replace(device, health=replace(device.health, falls=falls))

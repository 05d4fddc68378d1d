"""Preferred allocations: by table where a customer would look, and by property everywhere else."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airgate_plugin.model import Device, DeviceId
from airgate_plugin.policy.packing import choose_preferred
from tests.plugin.test_policy import make_device


def make_devices(*cards: tuple[str, int, int | None]) -> dict[str, Device]:
    """Return the devices of cards given as (letter, SoCs, NUMA node); ids are a0, a1, … b0, …"""
    devices: dict[str, Device] = {}
    for card, size, numa in cards:
        for soc in range(size):
            name = f"{card}{soc}"
            device = make_device("0000:01:00.0", id=DeviceId(name))
            devices[name] = replace(device, card=card, card_size=size, numa=numa)
    return devices


TWO_ULTRAS = make_devices(("a", 4, 0), ("b", 4, 1))
FOUR_PROS = make_devices(("a", 1, 0), ("b", 1, 1), ("c", 1, 1), ("d", 1, 0))


@pytest.mark.parametrize(
    ("devices", "available", "must", "size", "chosen"),
    [
        (TWO_ULTRAS, "a0 a1 a2 a3 b0 b1 b2 b3", "", 4, "a0 a1 a2 a3"),
        (TWO_ULTRAS, "a1 a2 a3 b0 b1 b2 b3", "", 4, "b0 b1 b2 b3"),  # a card with a dead SoC is never whole
        (TWO_ULTRAS, "a1 a2 a3 b0 b1 b2 b3", "", 1, "a1"),  # broken first
        (TWO_ULTRAS, "a1 a2 a3 b2 b3", "", 2, "b2 b3"),  # the tightest of the broken ones
        (TWO_ULTRAS, "a1 a2 a3 b0 b1 b2 b3", "", 3, "a1 a2 a3"),
        (TWO_ULTRAS, "a0 a1 b0 b1 b2 b3", "", 3, "b0 b1 b2"),  # one card rather than two, even if it breaks one
        (TWO_ULTRAS, "a0 a1 b1 b2 b3", "", 4, "a0 b1 b2 b3"),  # no card is whole: as few cards as can be
        (TWO_ULTRAS, "a0 a1 a2 a3 b0 b1 b2 b3", "b2", 4, "b0 b1 b2 b3"),  # must-include names the card
        (TWO_ULTRAS, "a0 a1 a2 a3 b0 b1 b2 b3", "", 6, "a0 a1 a2 a3 b0 b1"),
        (TWO_ULTRAS, "a0 a1", "", 4, "a0 a1"),  # fewer than asked: all there are
        (FOUR_PROS, "a0 b0 c0 d0", "", 2, "a0 d0"),  # one NUMA node
        (FOUR_PROS, "a0 b0 c0", "", 2, "b0 c0"),  # the NUMA node that can give both
        (FOUR_PROS, "a0 b0 c0 d0", "c0", 2, "b0 c0"),
        ({}, "x y", "", 1, "x"),  # ids of yesterday are still answered
    ],
)
def test_cards_stay_whole_then_broken_first_then_numa(
    devices: dict[str, Device], available: str, must: str, size: int, chosen: str
) -> None:
    """What a wish gets, card by card."""
    assert sorted(choose_preferred(available.split(), must.split(), size, devices)) == chosen.split()


DEVICES = make_devices(("a", 4, 0), ("b", 4, 0), ("c", 4, 1), ("d", 1, 1), ("e", 8, None))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_every_choice_is_what_was_asked_for(data: st.DataObject) -> None:
    """Whatever is free: the right number, without doubles, out of what is available, must-include among it."""
    available = data.draw(st.lists(st.sampled_from([*DEVICES, "stranger"]), unique=True))
    must = data.draw(st.lists(st.sampled_from(available), unique=True) if available else st.just([]))
    size = data.draw(st.integers(len(must), len(available)))
    chosen = choose_preferred(available, must, size, DEVICES)
    assert len(chosen) == size == len(set(chosen))
    assert set(must) <= set(chosen) <= set(available)


@settings(max_examples=300, deadline=None)
@given(st.sets(st.sampled_from(list(DEVICES))), st.integers(1, 4))
def test_a_wish_that_fits_on_one_card_gets_one_card(free: set[str], size: int) -> None:
    """A container of up to one card's size is never spread where one card could give all of it."""
    fits = [card for card in "abce" if sum(each.startswith(card) for each in free) >= size]
    if fits:
        chosen = choose_preferred(sorted(free), [], size, DEVICES)
        assert len({each[0] for each in chosen}) == 1


@settings(max_examples=300, deadline=None)
@given(st.sets(st.sampled_from(list(DEVICES))), st.integers(1, 3))
def test_a_whole_card_is_broken_only_where_it_must_be(free: set[str], size: int) -> None:
    """A small wish takes a broken card where one can give it."""
    counts = {card: sum(each.startswith(card) for each in free) for card in "abce"}
    whole = {"a": 4, "b": 4, "c": 4, "e": 8}
    broken = [card for card in counts if size <= counts[card] < whole[card]]
    if broken:
        chosen = choose_preferred(sorted(free), [], size, DEVICES)
        assert {each[0] for each in chosen} <= {*broken, "d"}

"""The verdict over time: grace, settling, flapping, counted errors, poor links. By table, then for any story."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgate_plugin.model import Health, Observation, Reason
from airgate_plugin.policy.health import (
    FLAP_HOLD_SECONDS,
    FLAP_LIMIT,
    QUIET_SECONDS,
    SETTLE_SECONDS,
    Signs,
    is_pending,
    judge_health,
)
from airgate_plugin.policy.merge import Rules, merge_observations
from airgate_plugin.sources.hostfs import HostFiles
from airgate_plugin.sources.qaic_sysfs import QaicSysfs
from tests.plugin.test_policy import SEEN

SIGNS = {
    "+": Signs(SEEN),
    "i": Signs(replace(SEEN, status="Initializing")),
    "x": Signs(replace(SEEN, status="Error")),
    "l": Signs(replace(SEEN, degraded="the width of its PCIe link is 4 where 8 is possible")),
    "g": Signs(None),
    "e": Signs(SEEN, new_faults=(Reason.UNCORRECTED_ERRORS,)),
}


def tell(story: str, health: Health | None = None, begin: int = 0) -> list[Health]:
    """Return the verdict of every second of a story, one sign a second."""
    told = []
    for second, sign in enumerate(story):
        health = judge_health(SIGNS[sign], health, float(begin + second))
        told.append(health)
    return told


@pytest.mark.parametrize(
    ("story", "reason", "healthy"),
    [
        ("+l", Reason.LINK_DEGRADED, True),  # a link that trains anew has its grace
        ("+" + "l" * 16, Reason.LINK_DEGRADED, False),
        ("l", Reason.LINK_DEGRADED, False),
        ("+e", Reason.UNCORRECTED_ERRORS, False),
        ("+e" + "+" * 59, Reason.UNCORRECTED_ERRORS, False),
        ("+e" + "+" * 60, Reason.SETTLING, False),
        ("+e" + "+" * 62, Reason.OK, True),
        ("+e" + "+" * 50 + "e" + "+" * 30, Reason.UNCORRECTED_ERRORS, False),  # the minute begins anew
        ("+eg", Reason.GONE, False),  # what can be seen now goes before what was counted
        ("+g+", Reason.SETTLING, False),
        ("+g++g", Reason.GONE, False),
        ("+" + "g+++" * 2, Reason.OK, True),
        ("+" + "g+++" * 3, Reason.FLAPPING, False),
        ("+" + "g+++" * 2 + "g" + "+" * 61, Reason.OK, True),
        ("x+", Reason.OK, True),  # what never was well did not fall
    ],
)
def test_the_verdict_follows_the_story(story: str, reason: Reason, healthy: bool) -> None:
    """Where each story ends."""
    last = tell(story)[-1]
    assert (last.reason, last.healthy) == (reason, healthy)


def test_falls_of_long_ago_are_forgotten() -> None:
    """A device that falls once an hour is no flapping one."""
    health: Health | None = None
    for hour in range(6):
        health = tell("+++g", health, hour * 3600)[-1]
    assert health is not None
    assert len(health.falls) == 1
    assert tell("+++", health, 6 * 3600)[-1].healthy


@given(st.text(alphabet="+ixlge", max_size=80), st.text(alphabet="+ixlge", max_size=40))
def test_whatever_happened_what_is_well_is_offered_again(first: str, second: str) -> None:
    """No story, however wild, leaves a device ill for ever; and what waits is looked at again."""
    told = tell(first + second)
    patience = int(QUIET_SECONDS + FLAP_HOLD_SECONDS + SETTLE_SECONDS) + 1
    after = tell("+" * patience, told[-1] if told else None, len(told))
    assert after[-1].healthy
    assert after[-1].reason is Reason.OK
    assert all(is_pending(each) or each.healthy for each in [*told, *after])
    assert all(len(each.falls) <= len(told) for each in after)


@given(st.text(alphabet="+ixlg", min_size=1, max_size=200))
def test_the_kubelet_is_not_told_more_changes_than_the_limit_allows(story: str) -> None:
    """However a card flaps, it is offered anew at most a few times in ten minutes."""
    told = [each.healthy for each in tell(story)]
    rises = sum(1 for before, after in itertools.pairwise(told) if after and not before)
    assert rises <= FLAP_LIMIT + len(story) / FLAP_HOLD_SECONDS


@pytest.mark.parametrize(
    ("speed", "width", "port", "word"),
    [
        ("16.0 GT/s PCIe", "8", "16.0 GT/s PCIe", ""),
        ("2.5 GT/s PCIe", "8", "16.0 GT/s PCIe", "speed"),
        ("16.0 GT/s PCIe", "4", "16.0 GT/s PCIe", "width"),
        ("8.0 GT/s PCIe", "8", "8.0 GT/s PCIe", ""),  # an older slot is no fault of the card
        ("2.5 GT/s PCIe", "8", "Unknown", "speed"),
        ("", "garbage", "", ""),
    ],
)
def test_a_link_is_poor_only_where_both_ends_could_do_better(
    host: Path, speed: str, width: str, port: str, word: str
) -> None:
    """A card in an older slot is not blamed for it, and what cannot be read is not guessed."""
    soc = host / "sys/devices/pci0000:00/0000:10:00.0"
    (soc / "current_link_speed").write_text(speed)
    (soc / "current_link_width").write_text(width)
    (soc.parent / "max_link_speed").write_text(port)
    said = QaicSysfs(HostFiles(host)).look().sightings[0].degraded
    assert word in said
    assert bool(said) == bool(word)


@pytest.mark.parametrize(
    ("counts", "healthy"),
    [((5, 5), True), ((5, 6), False), ((5, 0), True), ((0, 1), False)],
    ids=["of an earlier boot", "grew", "set back by a reset", "the first"],
)
def test_only_errors_of_now_count(counts: tuple[int, int], healthy: bool) -> None:
    """A counter says what happened since some boot; only its growth speaks against the card."""
    devices = ()
    for second, count in enumerate(counts):
        sighting = replace(SEEN, faults={Reason.UNCORRECTED_ERRORS: count})
        devices = merge_observations([Observation("sysfs", (sighting,))], devices, Rules(), float(second))
    assert devices[0].health.healthy == healthy

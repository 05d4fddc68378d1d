"""Cards of a kind in words: how many are free, whether they are well, and whether they are cards at all."""

from airgate_web.services.overview import Gauge
from airgate_web.ui.parts import show_note, show_stat

SIMULATED = "Simulated: it can be held and lost like a real card, but nothing computes on it."


def show_gauge(gauge: Gauge, target: str = "") -> None:
    """Draw how many cards of a kind are free; with a target the figure leads there."""
    sick = gauge.total - gauge.healthy
    note = (f"{sick} unhealthy" if sick else "all healthy") + (" · simulated" if gauge.simulated else "")
    show_stat(gauge.resource, f"{gauge.free} of {gauge.total} free", note, target)


def show_simulated(gauges: tuple[Gauge, ...]) -> None:
    """Say which kinds of cards are simulated, if any are."""
    for gauge in gauges:
        if gauge.simulated:
            show_note(f"{gauge.resource}: {SIMULATED[0].lower()}{SIMULATED[1:]}")

"""What a wish will cost, in words: beside the fields of the deploy form. Pure."""

from collections.abc import Sequence

from airgate_web.domain.amounts import Amounts
from airgate_web.domain.idle_cards import has_provider, write_idle_cards
from airgate_web.domain.model import ModelVersion
from airgate_web.domain.runtime import Runtime, RuntimeKind
from airgate_web.services.overview import Gauge, Overview


def find_cost(cpu: str, memory: str, replicas: int) -> str:
    """Return what all replicas take of the nodes."""
    times = f", {replicas} times" if replicas > 1 else ""
    return f"Takes {cpu or '?'} {'core' if cpu == '1' else 'cores'} and {memory or '?'} GiB{times}."


def find_card_cost(wanted: int, gauge: Gauge, own: int) -> str:
    """Return what a deployment takes of the cards, and whether it must wait. own: cards that it holds already."""
    if not wanted:
        return ""
    free = gauge.free + own
    wait = f", so it waits for {wanted - free}" if wanted > free else ""
    return f"Takes {wanted} {gauge.resource}; {free} free now{write_own(own)}{wait}."


def find_free_cards(gauge: Gauge, own: int) -> str:
    """Return how many cards a deployment may choose from."""
    return f"{gauge.free + own} of {gauge.total} free{write_own(own)}"


def write_own(own: int) -> str:
    """Return that what a deployment holds itself is free for it."""
    return f", {own} of them its own" if own else ""


def count_own(overview: Overview, owner: str, resource: str) -> int:
    """Return how many cards of a kind a deployment holds already."""
    return sum(one.count for one in overview.holders if one.owner == owner and one.resource == resource)


def find_idle_cards(
    cards: int, resource: str, version: ModelVersion | None, runtime: Runtime | None, others: Sequence[Runtime] = ()
) -> str:
    """Return what a deployment's page would say of cards that its runtime cannot use; "" where it may use them.

    others: the runtimes on offer, of which one that says that it uses such a card is named.
    """
    if not cards or version is None or runtime is None or runtime.kind is not RuntimeKind.ENVIRONMENT:
        return ""
    if has_provider(version.format, resource, runtime.cards):
        return ""
    said = write_idle_cards(Amounts(accelerators=cards, resource=resource), version.format)
    better = (one for one in others if one.cards and version.format in one.formats)
    named = next((one.name for one in better if has_provider(version.format, resource, one.cards)), "")
    return f"{said} Choose '{named}', which has one." if named else said

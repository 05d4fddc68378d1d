"""Accelerators: every card by its node, whether it is well, and who holds it."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from airgate_web.domain.explain import find_free
from airgate_web.domain.workload import DeviceFacts, Holder, NodeFacts, Observation
from airgate_web.services.deployments import DeploymentView, list_deployments
from airgate_web.services.desk import Desk
from airgate_web.services.overview import Gauge, find_overview
from airgate_web.ui.frame import frame
from airgate_web.ui.gauges import show_gauge, show_simulated
from airgate_web.ui.head import show_head
from airgate_web.ui.live import LivePlace
from airgate_web.ui.parts import box, make_age, make_badge, make_link, show_empty, show_html, show_text
from airgate_web.ui.visit import Visit

FREE, HELD, SICK = "ready", "starting", "failed"  # which dot a card gets


@dataclass(frozen=True, slots=True)
class CardSight:
    """One card. owner: who holds it, "" when nobody does or the cluster does not say who."""

    id: str
    resource: str
    healthy: bool
    reason: str
    owner: str
    held: bool
    simulated: bool


@dataclass(frozen=True, slots=True)
class NodeCards:
    """A node with its cards. unnamed: (resource, free, total) of cards that the cluster counts but does not name."""

    name: str
    ready: bool
    cards: tuple[CardSight, ...]
    unnamed: tuple[tuple[str, int, int], ...]
    holders: tuple[Holder, ...]


@dataclass(frozen=True, slots=True)
class AcceleratorSight:
    """What the page shows."""

    gauges: tuple[Gauge, ...]
    nodes: tuple[NodeCards, ...]


async def draw_accelerators(visit: Visit) -> None:
    """Draw the page of accelerators."""
    sight = await visit.ask(find_accelerators, visit.desk)
    with frame(visit, "Accelerators", (("Accelerators", ""),)):
        show_head("Accelerators")
        LivePlace(visit, sight, lambda: find_accelerators(visit.desk), show_accelerators)


def find_accelerators(desk: Desk) -> AcceleratorSight:
    """Return all cards as they were last seen."""
    observation, _ = desk.store.find_observation() or (Observation(), None)
    granted = find_granted(list_deployments(desk))
    nodes = (find_node(node, observation, granted) for node in observation.nodes if any(node.capacity.values()))
    return AcceleratorSight(find_overview(desk).gauges, tuple(nodes))


def find_granted(views: Sequence[DeploymentView]) -> dict[tuple[str, str], str]:
    """Return who holds each card: (node, card) to "route/name"."""
    return {
        (replica.node, card): view.deployment.owner
        for view in views
        if view.status
        for replica in view.status.replicas
        for card in replica.devices
    }


def find_node(node: NodeFacts, observation: Observation, granted: dict[tuple[str, str], str]) -> NodeCards:
    """Return a node's cards with their holders."""
    devices = [one for one in observation.devices if one.node == node.name]
    named = {one.resource for one in devices}
    holders = tuple(one for one in observation.holders if one.node == node.name)
    free = {name: find_free(node, name, observation) for name in node.capacity}
    cards = (find_card(one, granted.get((node.name, one.id), ""), free) for one in devices)
    unnamed = ((name, free[name], total) for name, total in node.capacity.items() if total and name not in named)
    return NodeCards(node.name, node.ready, tuple(cards), tuple(unnamed), holders)


def find_card(device: DeviceFacts, owner: str, free: dict[str, int]) -> CardSight:
    """Return one card; when none of its kind is free, it is held even if the cluster does not say by whom."""
    held = bool(owner) or (device.healthy and not free.get(device.resource, 0))
    return CardSight(device.id, device.resource, device.healthy, device.reason, owner, held, device.simulated)


def show_accelerators(sight: AcceleratorSight) -> None:
    """Draw totals, then the cards of each node."""
    if not sight.nodes:
        show_empty("No accelerators.", "A node shows its cards here once the device plugin has found them.")
        return
    show_simulated(sight.gauges)
    with box("tiles"):
        for gauge in sight.gauges:
            show_gauge(gauge)
    for node in sight.nodes:
        show_node(node)


def show_node(node: NodeCards) -> None:
    """Draw one node."""
    with box("stack", "section").style("gap:10px"):
        show_html(f'<h2 class="h2">{escape(node.name)}</h2>{"" if node.ready else make_badge("not ready")}', "line")
        with box("cards"):
            for card in node.cards:
                show_card(card)
        for resource, free, total in node.unnamed:
            show_text(f"{free} of {total} {resource} free.", "mute")
            show_holders(resource, node.holders)


def show_card(card: CardSight) -> None:
    """Draw one card: its name, whether it is well, who holds it."""
    with box("card").style("gap:4px"):
        show_html(f'<b class="mono">{escape(card.id)}</b><span class="push">{make_word(card)}</span>', "line")
        show_text(card.resource + (" · simulated" if card.simulated else ""), "mute small")
        if not card.healthy:
            show_text(card.reason or "The plugin gives no reason.")
        if card.owner:
            show_html(f"Held by {make_owner(card.owner)}")


def make_word(card: CardSight) -> str:
    """Return one word with its dot, as markup."""
    dot, word = (SICK, "Unhealthy") if not card.healthy else (HELD, "Held") if card.held else (FREE, "Free")
    return f'<span class="chip"><i class="dot {dot}"></i>{word}</span>'


def make_owner(owner: str) -> str:
    """Return who holds something, as a link to the deployment."""
    route, _, name = owner.partition("/")
    return make_link(owner, f"/projects/{route}/deployments/{name}")


def show_holders(resource: str, holders: tuple[Holder, ...]) -> None:
    """Draw who holds cards that have no name."""
    for one in holders:
        if one.resource == resource:
            show_html(f"{one.count} held by {escape(one.owner)} · {make_age(one.since)}")

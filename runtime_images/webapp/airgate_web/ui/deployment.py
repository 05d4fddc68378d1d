"""A deployment: whether it answers, why not if it does not, how to call it, and who may."""

import shlex
from dataclasses import dataclass
from html import escape

from nicegui import ui

from airgate_web.domain.amounts import Amounts
from airgate_web.domain.deployment import Deployment, Token
from airgate_web.domain.model import Permit, Signature
from airgate_web.domain.project import Project
from airgate_web.domain.runtime import Runtime
from airgate_web.domain.timeouts import Timeouts
from airgate_web.domain.workload import Holder, Observation, Replica, ReplicaState
from airgate_web.services.deployments import DeploymentView, find_deployment, remove_deployment
from airgate_web.services.desk import Desk
from airgate_web.services.fitting import Caution, judge_deployment
from airgate_web.services.overview import find_simulated
from airgate_web.services.projects import find_project
from airgate_web.services.tokens import list_tokens
from airgate_web.ui.calls import show_calls
from airgate_web.ui.cautions import show_cautions
from airgate_web.ui.frame import frame
from airgate_web.ui.gauges import SIMULATED
from airgate_web.ui.head import Deed, show_head
from airgate_web.ui.live import LivePlace
from airgate_web.ui.parts import (
    box,
    card,
    make_age,
    make_badge,
    make_chip,
    make_link,
    show_attention,
    show_code,
    show_facts,
    show_note,
    show_text,
    write_cores,
)
from airgate_web.ui.permits import show_deployed_permit
from airgate_web.ui.sheets import ask_for_name
from airgate_web.ui.tables import Cell, Column, show_table_card
from airgate_web.ui.tokens import show_tokens
from airgate_web.ui.visit import Visit

REPLICAS = (
    Column("name", "Replica"),
    Column("state", "State"),
    Column("node", "Node"),
    Column("cards", "Cards"),
    Column("device", "Computes on"),
    Column("restarts", "Restarts", end=True),
    Column("started", "Age"),
)


@dataclass(frozen=True, slots=True)
class DeploymentSight:
    """What the page shows. signatures: of its models in order, None for one that was removed meanwhile.

    sample: of the first.
    """

    project: Project
    view: DeploymentView
    runtime: Runtime | None
    signatures: tuple[Signature | None, ...]
    sample: object
    holders: tuple[Holder, ...]
    tokens: tuple[Token, ...]
    cautions: tuple[Caution, ...]
    simulated: bool  # the cards it asks for are none
    permits: tuple[tuple[str, Permit], ...]  # by model and version, of what was allowed past the scanner


async def draw_deployment(visit: Visit, route: str, name: str) -> None:
    """Draw a deployment's page."""
    sight = await visit.ask(find_sight, visit.desk, route, name)
    crumbs = (("Projects", "/projects"), (sight.project.name, f"/projects/{route}"), (name, ""))
    with frame(visit, "Projects", crumbs):
        LivePlace(visit, sight, lambda: find_sight(visit.desk, route, name), lambda now: show_deployment(visit, now))


def find_sight(desk: Desk, route: str, name: str) -> DeploymentSight:
    """Return what the page shows now; NotFound when there is no such deployment."""
    view = find_deployment(desk, route, name)
    versions = [desk.store.find_version(route, one.name, one.version) for one in view.deployment.models]
    observation, _ = desk.store.find_observation() or (Observation(), None)
    return DeploymentSight(
        find_project(desk, route),
        view,
        desk.store.find_runtime(view.deployment.runtime),
        tuple(version.signature if version else None for version in versions),
        next((version.sample for version in versions[:1] if version), None),
        observation.holders,
        tuple(list_tokens(desk, route, name)),
        judge_deployment(desk, view.deployment),
        is_simulated(observation, view.deployment.amounts),
        find_permits(desk, view.deployment),
    )


def is_simulated(observation: Observation, amounts: Amounts) -> bool:
    """Return whether a deployment asks for cards that are simulated."""
    return bool(amounts.accelerators) and amounts.resource in find_simulated(observation)


def find_permits(desk: Desk, deployment: Deployment) -> tuple[tuple[str, Permit], ...]:
    """Return the permits of a deployment's models, withdrawn ones too."""
    found = (desk.store.find_version(deployment.route, one.name, one.version) for one in deployment.models)
    return tuple((f"{one.model} v{one.version}", one.permit) for one in found if one and one.permit)


def show_deployment(visit: Visit, sight: DeploymentSight) -> None:
    """Draw state first, then trouble, then how to call it, then what runs."""
    view, one = sight.view, sight.view.deployment
    page = f"/projects/{one.route}/deployments/{one.name}"
    deeds = [
        Deed("Edit", "tune", target=f"{page}/edit"),
        Deed("Delete", "delete", "danger", do=lambda: ask_to_remove(visit, sight)),
    ]
    show_head(one.name, make_state(view) + make_badge(one.what), deeds)
    if view.sentence:
        show_attention_with_links(sight)
    if view.status and view.status.notice:
        show_note(view.status.notice)
    for name, permit in sight.permits:
        show_deployed_permit(name, permit)
    show_cautions(sight.cautions)
    with box("wide-narrow"):
        with box("stack"):
            show_calls(visit.origin + view.path, one, sight.signatures, sight.sample)
            show_tokens(visit, one.route, one.name, sight.tokens)
        show_wish(sight)
    show_replicas(view)


def make_state(view: DeploymentView) -> str:
    """Return the state of the whole, as markup."""
    status = view.status
    if status is None or status.wanted <= 1:
        return make_chip(view.state)
    return make_chip(view.state, f"{view.state.value} · {status.ready} of {status.wanted} replicas")


def show_attention_with_links(sight: DeploymentSight) -> None:
    """Draw why it is not ready; whoever holds what it waits for is a link."""
    owner = sight.view.deployment.owner
    others = sorted({one.owner for one in sight.holders if one.owner != owner and one.owner in sight.view.sentence})
    links = " · ".join(make_link(f"Open {other}", find_page(other)) for other in others)
    cards = make_link("Show cards", "/accelerators") if sight.view.deployment.amounts.accelerators else ""
    show_attention(sight.view.sentence, " · ".join(part for part in (links, cards) if part))


def find_page(owner: str) -> str:
    """Return the page of a deployment that is known as "route/name"."""
    route, _, name = owner.partition("/")
    return f"/projects/{route}/deployments/{name}"


def show_wish(sight: DeploymentSight) -> None:
    """Draw what was asked for."""
    one, amounts = sight.view.deployment, sight.view.deployment.amounts
    cards = f"{amounts.accelerators} × {amounts.resource}" if amounts.accelerators else "none"
    with card("Asked for"):
        show_facts(
            [
                *list_model_facts(one),
                ("Runtime", make_link(sight.runtime.name if sight.runtime else one.runtime, "/runtimes")),
                *([("Arguments", escape(shlex.join(one.server.extra)))] if one.server and one.server.extra else []),
                ("Replicas", str(one.replicas)),
                ("CPU", f"{write_cores(amounts.cpu_millis)} each"),
                ("Memory", f"{amounts.memory_mib / 1024:g} GiB each"),
                ("Accelerators", escape(f"{cards} each" if amounts.accelerators else cards)),
                ("Timeout", write_timeouts(one.timeouts)),
                ("Deployed", f"{make_age(one.created)} · {escape(one.created_by)}"),
                ("Changes", str(one.generation - 1)),
            ]
        )
        if sight.simulated:
            show_text(f"{amounts.resource}: {SIMULATED[0].lower()}{SIMULATED[1:]}", "mute small")


def list_model_facts(one: Deployment) -> list[tuple[str, str]]:
    """Return the fact that names its models, each a link; none for a server that brings its own."""
    page = f"/projects/{one.route}/models"
    links = [make_link(f"{file.name} v{file.version}", f"{page}/{file.name}") for file in one.models]
    return [("Models" if one.others else "Model", ", ".join(links))] if links else []


def write_timeouts(timeouts: Timeouts) -> str:
    """Return how long the gateway waits, in words."""
    return f"{timeouts.request_s} s" + (f", {timeouts.idle_s} s of silence" if timeouts.idle_s else "")


def show_replicas(view: DeploymentView) -> None:
    """Draw what runs."""
    replicas = view.status.replicas if view.status else ()
    show_table_card("Replicas", REPLICAS, [make_row(one) for one in replicas], "Nothing runs yet.")
    for one in replicas:
        if one.reason and one.state in (ReplicaState.FAILED, ReplicaState.STARTING):
            show_code(one.reason, one.name)


def make_row(replica: Replica) -> dict[str, object]:
    """Return a replica as a row."""
    return {
        "name": Cell(replica.name, mono=True),
        "state": replica.state,
        "node": replica.node or "–",
        "cards": ", ".join(replica.devices) or "–",
        "device": replica.device or "–",
        "restarts": replica.restarts,
        "started": replica.started or "–",
    }


async def ask_to_remove(visit: Visit, sight: DeploymentSight) -> None:
    """Ask for the deployment's name before it goes."""
    one = sight.view.deployment

    async def remove() -> None:
        await visit.act(remove_deployment, visit.desk, visit.user, one.route, one.name)
        ui.navigate.to(f"/projects/{one.route}?tab=deployments")

    ask_for_name("Delete", one.name, "It stops answering at once, and its tokens end. The model stays.", remove)

"""Jump-to: one field over everything that has a name. Ctrl-K opens it from every page."""

from dataclasses import dataclass

from nicegui import ui

from airgate_web.services.deployments import list_deployments
from airgate_web.services.desk import Desk
from airgate_web.services.models import list_models
from airgate_web.services.overview import find_overview
from airgate_web.services.projects import list_projects
from airgate_web.ui.parts import show_html
from airgate_web.ui.sheets import open_sheet
from airgate_web.ui.visit import Visit

SHOWN = 8  # results at once


@dataclass(frozen=True, slots=True)
class Place:
    """Something with a name and a page. where: what it belongs to."""

    name: str
    kind: str
    where: str
    target: str


def show_jump(visit: Visit) -> None:
    """Draw the button that opens the field."""
    button = ui.element("button").classes("jump").props('type=button id=jump aria-label="Search or jump to"')
    with button:
        show_html('<i class="material-icons" style="font-size:18px" aria-hidden="true">search</i>', "", "i").style(
            "display:inline-flex"
        )
        show_html("Search or jump to…", "", "span")
        show_html("Ctrl K", "", "kbd")
    button.on("click", lambda: open_jump(visit))


async def open_jump(visit: Visit) -> None:
    """Open the field with everything there is; typing narrows it, Enter goes to the first."""
    places = await visit.ask(find_places, visit.desk)
    found = list(places[:SHOWN])
    with open_sheet(place="position=top"):
        field = ui.input(placeholder="Project, model, deployment or node").props("outlined dense autofocus clearable")
        results = ui.list().props("dense")

        def draw() -> None:
            found[:] = find_matches(places, field.value or "")
            results.clear()
            with results:
                show_places(found)

        def go() -> None:
            if found:
                ui.navigate.to(found[0].target)

        field.on_value_change(draw)
        field.on("keydown.enter", go)
        draw()


def show_places(found: list[Place]) -> None:
    """Draw the results."""
    for place in found:
        with ui.item(on_click=lambda target=place.target: ui.navigate.to(target)):
            with ui.item_section():
                ui.item_label(place.name)
            with ui.item_section().props("side"):
                ui.item_label(f"{place.kind}{' in ' + place.where if place.where else ''}").classes("mute small")
    if not found:
        ui.item_label("Nothing has that name.").classes("mute").style("padding:8px 16px")


def find_places(desk: Desk) -> tuple[Place, ...]:
    """Return everything that has a name and a page."""
    places = []
    for project in list_projects(desk):
        home = f"/projects/{project.route}"
        places.append(Place(project.name, "project", "", home))
        places += [
            Place(m.name, "model", project.name, f"{home}/models/{m.name}") for m in list_models(desk, project.route)
        ]
    for view in list_deployments(desk):
        one = view.deployment
        places.append(Place(one.name, "deployment", one.route, f"/projects/{one.route}/deployments/{one.name}"))
    places += [Place(node.name, "node", "", "/nodes") for node in find_overview(desk).nodes]
    return tuple(places)


def find_matches(places: tuple[Place, ...], text: str) -> list[Place]:
    """Return the first places whose name has `text` in it, those that begin with it first."""
    words = text.lower().strip()
    matching = [place for place in places if words in place.name.lower()]
    return sorted(matching, key=lambda place: not place.name.lower().startswith(words))[:SHOWN]

"""Projects: the list, and a drawer that makes one."""

import datetime
from dataclasses import dataclass

from nicegui import ui

from airgate_web.domain.errors import Refusal
from airgate_web.domain.names import read_route, read_title, suggest_route
from airgate_web.services.deployments import list_deployments
from airgate_web.services.desk import Desk
from airgate_web.services.models import list_models
from airgate_web.services.projects import create_project, list_projects
from airgate_web.ui.frame import frame
from airgate_web.ui.head import Deed, show_head
from airgate_web.ui.live import LivePlace
from airgate_web.ui.parts import show_wrong, write_refusal
from airgate_web.ui.sheets import DRAWER, open_sheet, show_ends
from airgate_web.ui.tables import Cell, Column, show_table_card
from airgate_web.ui.visit import Visit

COLUMNS = (
    Column("name", "Project"),
    Column("route", "Route"),
    Column("models", "Models", end=True),
    Column("deployments", "Deployments", end=True),
    Column("created", "Age"),
)


@dataclass(frozen=True, slots=True)
class ProjectSight:
    """One project as a list shows it."""

    name: str
    route: str
    models: int
    deployments: int
    created: datetime.datetime

    @property
    def target(self) -> str:
        """Where its page is."""
        return f"/projects/{self.route}"


async def draw_projects(visit: Visit) -> None:
    """Draw the list of projects."""
    sight = await visit.ask(find_projects, visit.desk)
    with frame(visit, "Projects", (("Projects", ""),)):
        show_head("Projects", deeds=[Deed("New project", "add", "deed", do=lambda: open_form(visit))])
        LivePlace(visit, sight, lambda: find_projects(visit.desk), show_projects)


def find_projects(desk: Desk) -> tuple[ProjectSight, ...]:
    """Return all projects with their counts."""
    return tuple(
        ProjectSight(
            one.name, one.route, len(list_models(desk, one.route)), len(list_deployments(desk, one.route)), one.created
        )
        for one in list_projects(desk)
    )


def show_projects(projects: tuple[ProjectSight, ...], title: str = "") -> None:
    """Draw projects as a table."""
    rows = [
        {
            "name": Cell(one.name, one.target),
            "route": Cell(one.route, mono=True),
            "models": one.models,
            "deployments": one.deployments,
            "created": one.created,
            "open": one.target,
        }
        for one in projects
    ]
    show_table_card(title, COLUMNS, rows, "No projects yet. Make one to put models into.")


async def open_form(visit: Visit) -> None:
    """Ask for a new project in a drawer."""
    with open_sheet("New project", DRAWER) as dialog:
        form = ProjectForm(visit)
        show_ends(dialog, "Create project", form.create)


class ProjectForm:
    """The fields of a new project, checked while one types; the route follows the name until it is written by hand."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._own_route = False  # whether a person wrote it
        self._name = ui.input("Name", on_change=self._follow_name).props("outlined dense autofocus maxlength=80")
        self._route = ui.input("Route", on_change=self._keep_route).props("outlined dense maxlength=60")
        self._preview = ui.label().classes("mute small")
        self._about = ui.textarea("Description").props("outlined dense autogrow")
        self._wrong = show_wrong()
        self._check()

    async def create(self) -> None:
        """Make the project and go there."""
        visit = self._visit
        words = (self._name.value or "", self._route.value or "", self._about.value or "")
        made = await visit.act(create_project, visit.desk, visit.user, *words)
        ui.navigate.to(f"/projects/{made.route}")

    def _follow_name(self) -> None:
        if not self._own_route:
            self._route.value = suggest_route(self._name.value) if self._name.value else ""
        self._check()

    def _keep_route(self) -> None:
        self._own_route = bool(self._route.value) and self._route.value != suggest_route(self._name.value or "")
        self._check()

    def _check(self) -> None:
        name, route = self._name.value or "", self._route.value or ""
        self._wrong.text = find_wrong(name, route) if name or route else ""
        self._preview.text = f"Its deployments answer at {self._visit.origin}/api/v1/svc/{route or '…'}/…"


def find_wrong(name: str, route: str) -> str:
    """Return the sentence that the service would refuse with, or ""."""
    try:
        read_title("Project name", name)
        read_route("Project route", route)
    except Refusal as refusal:
        return write_refusal(refusal)
    return ""

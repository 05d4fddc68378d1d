"""A project: its models and deployments, and the place to drop the next file."""

import datetime
from dataclasses import dataclass

from nicegui import ui

from airgate_web.domain.project import Project
from airgate_web.services.deployments import DeploymentView, list_deployments
from airgate_web.services.desk import Desk
from airgate_web.services.models import list_models
from airgate_web.services.projects import find_project, remove_project
from airgate_web.ui.drop_zone import show_drop_zone
from airgate_web.ui.frame import frame
from airgate_web.ui.head import Deed, show_head
from airgate_web.ui.live import LivePlace
from airgate_web.ui.parts import make_badge, show_text
from airgate_web.ui.sheets import ask_for_name
from airgate_web.ui.tables import Cell, Column, show_table_card
from airgate_web.ui.tabs import Tabs
from airgate_web.ui.visit import Visit

MODELS = (
    Column("name", "Model"),
    Column("version", "Newest"),
    Column("format", "Format"),
    Column("task", "Task"),
    Column("created", "Age"),
)
DEPLOYMENTS = (
    Column("name", "Deployment"),
    Column("state", "State"),
    Column("model", "Model"),
    Column("replicas", "Replicas"),
    Column("cards", "Accelerators"),
    Column("created", "Age"),
)


@dataclass(frozen=True, slots=True)
class ModelSight:
    """A model as the project's table shows it."""

    name: str
    version: int
    versions: int
    format: str
    task: str
    created: datetime.datetime


@dataclass(frozen=True, slots=True)
class ProjectContent:
    """What is in a project."""

    project: Project
    models: tuple[ModelSight, ...]
    deployments: tuple[DeploymentView, ...]


async def draw_project(visit: Visit, route: str) -> None:
    """Draw a project."""
    sight = await visit.ask(find_content, visit.desk, route)
    project = sight.project
    with frame(visit, "Projects", (("Projects", "/projects"), (project.name, ""))):
        deeds = [Deed("Delete project", kind="rare", do=lambda: ask_to_remove(visit, project))]
        show_head(project.name, make_badge(project.route), deeds)
        if project.description:
            show_text(project.description, "mute")
        tabs = Tabs(visit, ("Models", "Deployments"))
        with tabs.panel("Models"):
            known = {model.name: model.versions for model in sight.models}
            show_drop_zone(route, known, lambda name, version: open_model(route, name, version))
            LivePlace(visit, sight, lambda: find_content(visit.desk, route), lambda now: show_models(now, tabs))
        with tabs.panel("Deployments"):
            LivePlace(visit, sight, lambda: find_content(visit.desk, route), lambda now: show_deployments(now, tabs))


def find_content(desk: Desk, route: str) -> ProjectContent:
    """Return what is in a project now; NotFound when there is none."""
    models = (
        ModelSight(one.name, one.latest.version, one.versions, one.latest.format, one.latest.task, one.latest.created)
        for one in list_models(desk, route)
    )
    return ProjectContent(find_project(desk, route), tuple(models), tuple(list_deployments(desk, route)))


def open_model(route: str, name: str, version: int) -> None:
    """Go to the version that was just uploaded."""
    ui.navigate.to(f"/projects/{route}/models/{name}?version={version}")


def show_models(sight: ProjectContent, tabs: Tabs) -> None:
    """Draw the models."""
    tabs.count("Models", len(sight.models))
    rows = [
        {
            "name": Cell(one.name, f"/projects/{sight.project.route}/models/{one.name}"),
            "version": Cell(f"v{one.version}", sort=one.version),
            "format": one.format,
            "task": one.task or "–",
            "created": one.created,
            "open": f"/projects/{sight.project.route}/models/{one.name}",
        }
        for one in sight.models
    ]
    show_table_card("", MODELS, rows, "No models yet. Drop a file above.")


def show_deployments(sight: ProjectContent, tabs: Tabs) -> None:
    """Draw the deployments."""
    tabs.count("Deployments", len(sight.deployments))
    show_deployment_table(sight.deployments, "No deployments yet. Open a model and deploy it.")


def show_deployment_table(views: tuple[DeploymentView, ...], empty: str) -> None:
    """Draw deployments as a table."""
    show_table_card("", DEPLOYMENTS, [make_row(view) for view in views], empty)


def make_row(view: DeploymentView) -> dict[str, object]:
    """Return a deployment as a row."""
    one, home = view.deployment, f"/projects/{view.deployment.route}"
    ready = view.status.ready if view.status else 0
    amounts = one.amounts
    return {
        "name": Cell(one.name, f"{home}/deployments/{one.name}"),
        "state": view.state,
        "model": Cell(f"{one.model.name} v{one.model.version}", f"{home}/models/{one.model.name}"),
        "replicas": Cell(f"{ready} of {one.replicas} ready", sort=one.replicas),
        "cards": f"{amounts.accelerators} × {amounts.resource}" if amounts.accelerators else "–",
        "created": one.created,
        "open": f"{home}/deployments/{one.name}",
    }


async def ask_to_remove(visit: Visit, project: Project) -> None:
    """Ask for the project's route before its models are lost."""

    async def remove() -> None:
        await visit.act(remove_project, visit.desk, visit.user, project.route)
        ui.navigate.to("/projects")

    ask_for_name("Delete project", project.route, "Its models are lost. Deployments must be deleted first.", remove)

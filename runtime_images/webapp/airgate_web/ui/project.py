"""A project: its models, deployments, jobs and data sets, and the place to drop the next file."""

import datetime
from dataclasses import dataclass
from urllib.parse import urlencode

from nicegui import ui

from airgate_web.domain.dataset import DataSet
from airgate_web.domain.job import JobRecord
from airgate_web.domain.project import Project
from airgate_web.domain.runtime import Runtime
from airgate_web.domain.user import Role
from airgate_web.services.datasets import list_datasets
from airgate_web.services.deployments import DeploymentView, list_deployments
from airgate_web.services.desk import Desk
from airgate_web.services.jobs import list_jobs
from airgate_web.services.models import list_models
from airgate_web.services.projects import find_project, remove_project
from airgate_web.services.runtimes import list_servers
from airgate_web.ui.drop_zone import show_dataset_zone, show_model_zone
from airgate_web.ui.frame import frame
from airgate_web.ui.head import Deed, show_head
from airgate_web.ui.jobs import show_job_table
from airgate_web.ui.live import LivePlace
from airgate_web.ui.parts import box, make_badge, show_link_button, show_text, write_size
from airgate_web.ui.register import show_register
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
DATA_SETS = (
    Column("name", "Data set"),
    Column("filename", "File"),
    Column("size", "Size", end=True),
    Column("by", "By"),
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
    datasets: tuple[DataSet, ...]
    servers: tuple[Runtime, ...]


async def draw_project(visit: Visit, route: str) -> None:
    """Draw a project."""
    sight = await visit.ask(find_content, visit.desk, route)
    jobs = await visit.ask(find_jobs, visit.desk, route)
    project = sight.project
    with frame(visit, "Projects", (("Projects", "/projects"), (project.name, ""))):
        deeds = [Deed("Delete project", kind="rare", do=lambda: ask_to_remove(visit, project))]
        show_head(project.name, make_badge(project.route), deeds)
        if project.description:
            show_text(project.description, "mute")
        tabs = Tabs(visit, ("Models", "Deployments", "Jobs", "Data sets"))
        with tabs.panel("Models"):
            known = {model.name: model.versions for model in sight.models}
            show_model_zone(route, known, judge=visit.user.role is Role.ADMIN)
            show_register(visit, route)
            LivePlace(visit, sight, lambda: find_content(visit.desk, route), lambda now: show_models(now, tabs))
        with tabs.panel("Deployments"):
            show_servers(route, sight.servers)
            LivePlace(visit, sight, lambda: find_content(visit.desk, route), lambda now: show_deployments(now, tabs))
        with tabs.panel("Jobs"):
            if sight.models:
                with box("line"):
                    show_link_button("Run a job", f"/projects/{route}/run", icon="play_arrow")
            LivePlace(visit, jobs, lambda: find_jobs(visit.desk, route), lambda now: show_jobs(now, tabs))
        with tabs.panel("Data sets"):
            show_dataset_zone(route, [dataset.name for dataset in sight.datasets])
            LivePlace(visit, sight, lambda: find_content(visit.desk, route), lambda now: show_datasets(now, tabs))


def find_content(desk: Desk, route: str) -> ProjectContent:
    """Return what is in a project now; NotFound when there is none."""
    models = (
        ModelSight(one.name, one.latest.version, one.versions, one.latest.format, one.latest.task, one.latest.created)
        for one in list_models(desk, route)
    )
    project, deployments, datasets = (
        find_project(desk, route),
        list_deployments(desk, route),
        list_datasets(desk, route),
    )
    return ProjectContent(project, tuple(models), tuple(deployments), tuple(datasets), tuple(list_servers(desk)))


def find_jobs(desk: Desk, route: str) -> tuple[JobRecord, ...]:
    """Return a project's jobs now: asked for apart, because they change with every word of theirs."""
    return tuple(list_jobs(desk, route))


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


def show_jobs(records: tuple[JobRecord, ...], tabs: Tabs) -> None:
    """Draw the jobs."""
    tabs.count("Jobs", len(records))
    show_job_table(records, "No jobs yet. Run a model over a whole data set, for predictions or to see how good it is.")


def show_servers(route: str, servers: tuple[Runtime, ...]) -> None:
    """Draw a way to deploy each server that brings a model of its own; nothing where there is none."""
    if servers:
        with box("line"):
            for one in servers:
                query = urlencode({"runtime": one.slug})
                show_link_button(f"Deploy {one.name}", f"/projects/{route}/deploy?{query}", icon="rocket_launch")


def show_datasets(sight: ProjectContent, tabs: Tabs) -> None:
    """Draw the data sets."""
    tabs.count("Data sets", len(sight.datasets))
    home = f"/projects/{sight.project.route}/datasets"
    rows = [
        {
            "name": Cell(one.name, f"{home}/{one.name}"),
            "filename": Cell(one.filename, mono=True),
            "size": Cell(write_size(one.size), sort=one.size),
            "by": one.created_by,
            "created": one.created,
            "open": f"{home}/{one.name}",
        }
        for one in sight.datasets
    ]
    show_table_card("", DATA_SETS, rows, "No data sets yet. Drop a file above.")


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
        "model": Cell(one.what, f"{home}/models/{one.model.name}" if one.model else "/runtimes"),
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

    consequence = "Its models, jobs and data sets are lost. Deployments must be deleted first."
    ask_for_name("Delete project", project.route, consequence, remove)

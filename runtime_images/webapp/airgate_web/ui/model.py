"""A model: one version of it at a time, what goes in and comes out, and where it is used."""

import textwrap
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from nicegui import ui

from airgate_web.domain.job import JobRecord
from airgate_web.domain.model import ModelVersion, TensorSpec
from airgate_web.domain.project import Project
from airgate_web.domain.runtime import Runtime, RuntimeKind
from airgate_web.domain.user import Role
from airgate_web.services.deployments import DeploymentView, list_deployments
from airgate_web.services.desk import Desk
from airgate_web.services.fitting import judge_version
from airgate_web.services.jobs import list_jobs
from airgate_web.services.models import LATEST, find_version, list_versions, remove_model
from airgate_web.services.projects import find_project
from airgate_web.services.runtimes import list_runtimes
from airgate_web.ui.cautions import show_cautions
from airgate_web.ui.drop_zone import show_model_zone
from airgate_web.ui.frame import frame
from airgate_web.ui.functions import show_functions
from airgate_web.ui.head import Deed, show_head
from airgate_web.ui.jobs import show_job_table
from airgate_web.ui.live import LivePlace
from airgate_web.ui.model_test import ModelTest
from airgate_web.ui.parts import (
    box,
    card,
    make_age,
    make_badge,
    show_code,
    show_facts,
    show_html,
    show_note,
    write_size,
)
from airgate_web.ui.permits import find_deed, show_version_permit
from airgate_web.ui.pictures import write_json, write_shape
from airgate_web.ui.project import show_deployment_table
from airgate_web.ui.sheets import ask_for_name
from airgate_web.ui.tables import Cell, Column, show_table, show_table_card
from airgate_web.ui.tabs import Tabs
from airgate_web.ui.visit import Visit

TENSORS = (Column("name", "Name"), Column("type", "Type"), Column("shape", "Shape"))
SAMPLES = (*TENSORS, Column("sample", "Sample"))
VERSIONS = (
    Column("version", "Version"),
    Column("description", "What is new"),
    Column("size", "Size", end=True),
    Column("by", "By"),
    Column("created", "Age"),
)
SAMPLE_SHOWN = 60  # characters


@dataclass(frozen=True, slots=True)
class ModelContent:
    """What the page of one version shows."""

    project: Project
    version: ModelVersion
    versions: tuple[ModelVersion, ...]
    deployments: tuple[DeploymentView, ...]
    runtimes: tuple[Runtime, ...]


async def draw_model(visit: Visit, route: str, name: str) -> None:
    """Draw a model's page; ?version says which one, the newest otherwise."""
    wanted = visit.query.get("version", LATEST)
    sight = await visit.ask(find_content, visit.desk, route, name, wanted)
    cautions = await visit.ask(judge_version, visit.desk, sight.version)
    jobs = await visit.ask(find_jobs, visit.desk, route, name)
    version, crumbs = sight.version, (("Projects", "/projects"), (sight.project.name, f"/projects/{route}"), (name, ""))
    with frame(visit, "Projects", crumbs):
        query = urlencode({"model": name, "version": version.version})
        deeds = [
            Deed(f"Deploy v{version.version}", "rocket_launch", "deed", f"/projects/{route}/deploy?{query}"),
            *([] if version.path else [Deed("Run job", "play_arrow", target=f"/projects/{route}/run?{query}")]),
            *find_deed(visit, version),
            Deed("Delete model", kind="rare", do=lambda: ask_to_remove(visit, route, name)),
        ]
        with show_head(name, deeds=deeds):
            show_version_switch(sight)
            show_html(make_badge(version.format) + (make_badge(version.task) if version.task else ""), "line")
        tabs = Tabs(visit, ("Overview", "Test", "Deployments", "Jobs", "Versions"))
        with tabs.panel("Overview"), box("stack"):
            show_version_permit(visit, version)
            show_cautions(cautions)
            show_overview(version)
        with tabs.panel("Test"):
            if version.path:
                show_note("A folder is opened by the server it is deployed with; there is no test without one.")
            else:
                ModelTest(visit, version, sight.runtimes, cautions)
        with tabs.panel("Deployments"):
            LivePlace(
                visit,
                sight,
                lambda: find_content(visit.desk, route, name, wanted),
                lambda now: show_deployments(now, tabs),
            )
        with tabs.panel("Jobs"):
            LivePlace(visit, jobs, lambda: find_jobs(visit.desk, route, name), lambda now: show_jobs(now, tabs))
        with tabs.panel("Versions"):
            show_versions(visit, sight, tabs)


def find_content(desk: Desk, route: str, name: str, wanted: str) -> ModelContent:
    """Return what the page shows; NotFound when there is no such version."""
    version = find_version(desk, route, name, wanted)
    deployments = (view for view in list_deployments(desk, route) if has_model(view, name))
    runtimes = (one for one in list_runtimes(desk, RuntimeKind.ENVIRONMENT) if version.format in one.formats)
    return ModelContent(
        find_project(desk, route),
        version,
        tuple(list_versions(desk, route, name)),
        tuple(deployments),
        tuple(runtimes),
    )


def find_jobs(desk: Desk, route: str, name: str) -> tuple[JobRecord, ...]:
    """Return the jobs of all versions of a model, newest first."""
    return tuple(record for record in list_jobs(desk, route) if record.job.model.name == name)


def has_model(view: DeploymentView, name: str) -> bool:
    """Return whether a deployment serves a model of that name."""
    return name in {model.name for model in view.deployment.models}


def show_version_switch(sight: ModelContent) -> None:
    """Draw the badge that names the version and leads to the others."""
    shown = sight.version.version
    label = f"v{shown}" + (" · newest" if shown == sight.versions[0].version else "")
    with ui.button(label, color=None) as button:
        button.props("flat no-caps icon-right=expand_more aria-label='Switch version'").classes("switch")
        with ui.menu().props("auto-close"):
            for one in sight.versions:
                target = f"?version={one.version}"
                ui.menu_item(f"v{one.version}", on_click=lambda target=target: ui.navigate.to(target))


async def ask_to_remove(visit: Visit, route: str, name: str) -> None:
    """Ask for the model's name before its files are lost."""

    async def remove() -> None:
        await visit.act(remove_model, visit.desk, visit.user, route, name)
        ui.navigate.to(f"/projects/{route}")

    ask_for_name("Delete model", name, "All its versions are lost. Its deployments must be deleted first.", remove)


def show_overview(version: ModelVersion) -> None:
    """Draw what goes in, what comes out, and the file."""
    if version.signature.inputs:
        with card("Inputs"):
            show_table(SAMPLES, [make_tensor_row(spec) for spec in version.signature.inputs])
    if version.signature.outputs:
        with card("Outputs"):
            show_table(TENSORS, [make_tensor_row(spec) for spec in version.signature.outputs])
    show_functions(version.signature)
    if version.sample not in (None, {}):  # a script's own
        with card("Sample"):
            show_code(write_json(version.sample))
    title, name, came = ("Folder", "Path", "Registered") if version.path else ("File", "Name", "Uploaded")
    with card(title):
        libraries = ", ".join(f"{name} {number}" for name, number in sorted(version.libraries.items()))
        show_facts(
            [
                (name, f'<span class="mono">{escape(version.path or version.filename)}</span>'),
                ("Size", write_size(version.size)),
                (
                    "SHA-256 of its manifest" if version.path else "SHA-256",
                    f'<span class="mono">{escape(version.digest.removeprefix("sha256:"))}</span>',
                ),
                ("Libraries", escape(libraries) or "–"),
                (came, f"{make_age(version.created)} · {escape(version.created_by)}"),
                ("What is new", escape(version.description) or "–"),
            ]
        )


def make_tensor_row(spec: TensorSpec) -> dict[str, object]:
    """Return an input or output as a row."""
    title = spec.schema.get("title") if isinstance(spec.schema, dict) else None
    samples = spec.values or ((spec.sample,) if spec.sample is not None else ())
    return {
        "name": Cell(spec.name, mono=True),
        "type": spec.datatype if title is None else f"{spec.datatype}: {title}",
        "shape": write_shape(spec.shape),
        "sample": textwrap.shorten(", ".join(str(one) for one in samples), SAMPLE_SHOWN, placeholder=" …") or "–",
    }


def show_deployments(sight: ModelContent, tabs: Tabs) -> None:
    """Draw the deployments of all versions."""
    tabs.count("Deployments", len(sight.deployments))
    show_deployment_table(sight.deployments, "Not deployed yet.")


def show_jobs(records: tuple[JobRecord, ...], tabs: Tabs) -> None:
    """Draw the jobs of all versions."""
    tabs.count("Jobs", len(records))
    show_job_table(records, "No jobs yet. Run it over a whole data set, for predictions or to see how good it is.")


def show_versions(visit: Visit, sight: ModelContent, tabs: Tabs) -> None:
    """Draw all versions, and the place for the next one."""
    route, name = sight.project.route, sight.version.model
    tabs.count("Versions", len(sight.versions))
    with box("tight"):
        show_html(f"The next file becomes version {len(sight.versions) + 1}.", "mute")
        show_model_zone(route, {name: len(sight.versions)}, fixed=name, judge=visit.user.role is Role.ADMIN)
    rows = [
        {
            "version": Cell(f"v{one.version}", f"?version={one.version}", sort=one.version),
            "description": one.description or "–",
            "size": Cell(write_size(one.size), sort=one.size),
            "by": one.created_by,
            "created": one.created,
            "open": f"?version={one.version}",
        }
        for one in sight.versions
    ]
    show_table_card("", VERSIONS, rows, "")

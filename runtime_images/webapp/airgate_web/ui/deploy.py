"""Deploying a version, and changing what is deployed: one form for both."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from airgate_web.domain.deployment import Deployment
from airgate_web.domain.errors import Refusal
from airgate_web.services.deployments import change_deployment, create_deployment, find_deployment
from airgate_web.services.projects import find_project
from airgate_web.ui.deploy_choices import choose_start, find_choices, find_start
from airgate_web.ui.deploy_form import DeployForm
from airgate_web.ui.frame import frame
from airgate_web.ui.head import show_head
from airgate_web.ui.parts import show_button, show_link_button
from airgate_web.ui.visit import Visit


async def draw_deploy(visit: Visit, route: str) -> None:
    """Draw the form for a new deployment; ?model and ?version say of what, or ?runtime of which server."""
    project = await visit.ask(find_project, visit.desk, route)
    choices = await visit.ask(find_choices, visit.desk, route)
    start = choose_start(choices, visit.query)
    back = f"/projects/{route}" + (
        f"/models/{start.model}?version={start.version}" if start.model else "?tab=deployments"
    )
    title = f"Deploy {start.model or start.runtime}"
    crumbs = (("Projects", "/projects"), (project.name, f"/projects/{route}"), ("Deploy", ""))
    with frame(visit, "Projects", crumbs, title):
        show_head(title)
        form = DeployForm(visit, route, choices, start)

        async def deploy() -> Deployment:
            return await visit.act(create_deployment, visit.desk, visit.user, route, form.name, form.read())

        show_ends(form, deploy, route, back)


async def draw_edit(visit: Visit, route: str, name: str) -> None:
    """Draw the form for changing a deployment."""
    project = await visit.ask(find_project, visit.desk, route)
    view = await visit.ask(find_deployment, visit.desk, route, name)
    choices = await visit.ask(find_choices, visit.desk, route)
    page = f"/projects/{route}/deployments/{name}"
    crumbs = (("Projects", "/projects"), (project.name, f"/projects/{route}"), (name, page), ("Edit", ""))
    with frame(visit, "Projects", crumbs, f"Edit {name}"):
        show_head(f"Edit {name}")
        form = DeployForm(visit, route, choices, find_start(view.deployment))

        async def change() -> Deployment:
            return await visit.act(change_deployment, visit.desk, visit.user, route, name, form.read())

        show_ends(form, change, route, page)


def show_ends(form: DeployForm, do: Callable[[], Awaitable[Deployment]], route: str, back: str) -> None:
    """Draw the buttons: away, and the deed."""

    async def press() -> None:
        try:
            made = await do()
        except Refusal as refusal:
            form.refuse(refusal)
            return
        ui.navigate.to(f"/projects/{route}/deployments/{made.name}")

    with form.place:
        show_link_button("Cancel", back, "quiet")
        form.button = show_button(form.deed, press, "deed", "rocket_launch")

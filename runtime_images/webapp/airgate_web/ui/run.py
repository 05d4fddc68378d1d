"""Starting a job: which model over which data set, for what."""

from nicegui import ui

from airgate_web.domain.errors import Refusal
from airgate_web.services.jobs import start_job
from airgate_web.services.projects import find_project
from airgate_web.ui.frame import frame
from airgate_web.ui.head import show_head
from airgate_web.ui.jobs import find_job_page
from airgate_web.ui.parts import show_button, show_link_button
from airgate_web.ui.run_form import RunForm, choose_start, find_choices
from airgate_web.ui.visit import Visit


async def draw_run(visit: Visit, route: str) -> None:
    """Draw the form for a new job; ?model, ?version and ?dataset say what it begins with."""
    project = await visit.ask(find_project, visit.desk, route)
    choices = await visit.ask(find_choices, visit.desk, route)
    start = choose_start(choices, visit.query)
    crumbs = (("Projects", "/projects"), (project.name, f"/projects/{route}"), ("Run a job", ""))
    with frame(visit, "Projects", crumbs, "Run a job"):
        show_head("Run a job")
        form = RunForm(visit, route, choices, start)

        async def press() -> None:
            try:
                job = await visit.act(start_job, visit.desk, visit.user, route, form.read())
            except Refusal as refusal:
                form.refuse(refusal)
                return
            ui.navigate.to(find_job_page(job))

        with form.place:
            show_link_button("Cancel", f"/projects/{route}?tab=jobs", "quiet")
            form.button = show_button("Run job", press, "deed", "play_arrow")

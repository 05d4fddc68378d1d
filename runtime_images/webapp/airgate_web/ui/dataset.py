"""A data set: what it is, its first lines as they stand, and its file."""

from dataclasses import dataclass
from html import escape

from nicegui import ui

from airgate_web.domain.dataset import DataSet
from airgate_web.domain.project import Project
from airgate_web.services.datasets import find_dataset, read_head, remove_dataset
from airgate_web.services.desk import Desk
from airgate_web.services.projects import find_project
from airgate_web.ui.frame import frame
from airgate_web.ui.head import Deed, show_head
from airgate_web.ui.parts import card, make_age, show_code, show_facts, show_text, write_size
from airgate_web.ui.sheets import ask_for_name
from airgate_web.ui.visit import Visit


@dataclass(frozen=True, slots=True)
class DataSetSight:
    """What the page shows. head: the first lines, "" when the file is no text."""

    project: Project
    dataset: DataSet
    head: str


async def draw_dataset(visit: Visit, route: str, name: str) -> None:
    """Draw a data set's page."""
    sight = await visit.ask(find_sight, visit.desk, route, name)
    crumbs = (("Projects", "/projects"), (sight.project.name, f"/projects/{route}?tab=data+sets"), (name, ""))
    with frame(visit, "Projects", crumbs):
        file = f"/api/v2/projects/{route}/datasets/{name}/file"
        deeds = [
            Deed("Download", "download", "deed", file),
            Deed("Delete", "delete", "danger", do=lambda: ask_to_remove(visit, route, name)),
        ]
        show_head(name, deeds=deeds)
        show_file(sight.dataset)
        with card("First lines"):
            if sight.head:
                show_code(sight.head)
            else:
                show_text("This file is no text, so nothing of it is shown.", "mute")


def find_sight(desk: Desk, route: str, name: str) -> DataSetSight:
    """Return what the page shows; NotFound when there is no such data set."""
    dataset = find_dataset(desk, route, name)
    return DataSetSight(find_project(desk, route), dataset, read_head(desk, dataset))


def show_file(dataset: DataSet) -> None:
    """Draw what is known of the file."""
    with card("File"):
        show_facts(
            [
                ("Name", f'<span class="mono">{escape(dataset.filename)}</span>'),
                ("Size", write_size(dataset.size)),
                ("SHA-256", f'<span class="mono">{escape(dataset.digest.removeprefix("sha256:"))}</span>'),
                ("Uploaded", f"{make_age(dataset.created)} · {escape(dataset.created_by)}"),
            ]
        )


async def ask_to_remove(visit: Visit, route: str, name: str) -> None:
    """Ask for the data set's name before its file is lost."""

    async def remove() -> None:
        await visit.act(remove_dataset, visit.desk, visit.user, route, name)
        ui.navigate.to(f"/projects/{route}?tab=data+sets")

    ask_for_name("Delete", name, "Its file is lost.", remove)

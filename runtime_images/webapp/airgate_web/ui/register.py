"""The form by which a model that is a folder is registered where it lies."""

from nicegui import ui

from airgate_web.services.folders import register_model
from airgate_web.ui.parts import show_button, show_text
from airgate_web.ui.sheets import DRAWER, open_sheet, show_ends
from airgate_web.ui.visit import Visit


def show_register(visit: Visit, route: str) -> None:
    """Draw the button, where the site has named a place for such models."""
    if visit.desk.folders.list_roots():
        show_button("Register a folder", lambda: open_form(visit, route), icon="folder")


async def open_form(visit: Visit, route: str) -> None:
    """Ask for name, path and digest in a drawer."""
    with open_sheet("Register a folder", DRAWER) as dialog:
        show_text("For models too large to be sent. It stays where it is; first write its manifest there:", "mute")
        show_text("airgate-serve manifest FOLDER", "mono")
        name = ui.input("Name").props("outlined dense autofocus maxlength=60")
        path = ui.input("Folder").props("outlined dense").classes("mono")
        path.props(f'hint="Below {", ".join(visit.desk.folders.list_roots())}"')
        digest = ui.input("Digest of its manifest").props("outlined dense").classes("mono")
        about = ui.input("What is new").props("outlined dense")

        async def register() -> None:
            words = (name.value or "", path.value or "", digest.value or "", about.value or "")
            made = await visit.act(register_model, visit.desk, visit.user, route, *words)
            ui.navigate.to(f"/projects/{route}/models/{made.model}?version={made.version}")

        show_ends(dialog, "Register", register)

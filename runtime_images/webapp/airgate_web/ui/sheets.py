"""Sheets: short forms in a drawer on the right, and questions in the middle. Esc closes them."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from nicegui import ui

from airgate_web.domain.errors import Refusal
from airgate_web.ui.parts import box, show_button, show_text, show_wrong, write_refusal

DRAWER = "position=right full-height"


@contextmanager
def open_sheet(title: str = "", place: str = "") -> Iterator[ui.dialog]:
    """Draw what follows on a sheet and open it. place: DRAWER, or "" for the middle.

    It belongs to the page, not to where its button stands: a live place may be drawn anew while it is open.
    """
    with ui.context.client.content, ui.dialog().props(place) as dialog, box("sheet"):
        if title:
            show_text(title, "h2", "h2")
        yield dialog
    dialog.on("hide", dialog.delete)
    dialog.open()


def show_ends(dialog: ui.dialog, deed: str, do: Callable[[], Awaitable[None]], kind: str = "deed") -> ui.button:
    """Draw the place for a refusal and the two buttons of a form; return the one that does the deed."""
    wrong = show_wrong()

    async def press() -> None:
        try:
            await do()
        except Refusal as refusal:
            wrong.text = write_refusal(refusal)

    with box("ends"):
        ui.button("Cancel", on_click=dialog.close, color=None).props("flat no-caps").classes("quiet")
        return show_button(deed, press, kind)


def ask_before(title: str, consequence: str, deed: str, do: Callable[[], Awaitable[None]]) -> None:
    """Open a question before what cannot be undone. title: names what it is about. deed: what the button says."""
    with open_sheet(title) as dialog:
        show_text(consequence)

        async def press() -> None:
            await do()
            dialog.close()

        show_ends(dialog, deed, press, "danger")


def ask_for_name(deed: str, name: str, consequence: str, do: Callable[[], Awaitable[None]]) -> None:
    """Open a question whose button works once `name` is typed. deed: what the button says, with the name after it."""
    with open_sheet(f"{deed} {name}") as dialog:
        show_text(consequence)
        field = ui.input(f"Type {name} to go on").props("outlined dense autofocus autocomplete=off")
        button = show_ends(dialog, f"{deed} {name}", do, "danger")
        button.set_enabled(False)
        field.on_value_change(lambda: button.set_enabled((field.value or "").strip() == name))

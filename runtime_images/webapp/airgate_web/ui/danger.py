"""Danger: when something is lost, its name is typed first."""

from collections.abc import Awaitable, Callable

from nicegui import ui

from airgate_web.domain.errors import Refusal
from airgate_web.ui.parts import box, show_button, show_text, show_wrong, write_refusal


def ask_for_name(deed: str, name: str, consequence: str, do: Callable[[], Awaitable[None]]) -> None:
    """Open a dialog whose button works once `name` is typed. deed: what the button says, with the name after it."""
    with ui.dialog() as dialog, box("sheet"):
        show_text(f"{deed} {name}", "h2", "h2")
        show_text(consequence)
        field = ui.input(f"Type {name} to go on").props("outlined dense autofocus autocomplete=off")
        wrong = show_wrong()

        async def run() -> None:
            try:
                await do()
            except Refusal as refusal:
                wrong.text = write_refusal(refusal)

        with box("ends"):
            ui.button("Cancel", on_click=dialog.close, color=None).props("flat no-caps").classes("quiet")
            button = show_button(f"{deed} {name}", run, "danger")
            button.set_enabled(False)
        field.on_value_change(lambda: button.set_enabled((field.value or "").strip() == name))
    dialog.on("hide", dialog.delete)
    dialog.open()

"""A page's first line: its name, marks about its state, and its deeds; on a phone the deeds fold into one menu."""

from collections.abc import Sequence
from dataclasses import dataclass

from nicegui import ui

from airgate_web.ui.parts import Do, box, press_safely, show_button, show_html, show_link_button, show_text


@dataclass(frozen=True, slots=True)
class Deed:
    """Something to do on a page: a place to go or a thing to call.

    kind: "deed" for the one filled button, which stays on a phone too; "rare" stands in the menu everywhere.
    """

    label: str
    icon: str = ""
    kind: str = "plain"
    target: str = ""
    do: Do | None = None


def show_head(name: str, marks: str = "", deeds: Sequence[Deed] = ()) -> ui.element:
    """Draw a page's first line and return the line of marks, for more of them. marks: chip and badges, as markup."""
    with box("head"):
        show_text(name, "h1", "h1")
        line = box("marks line")
        if marks:
            with line:
                show_html(marks, "line")
        with box("deeds"):
            for deed in deeds:
                if deed.kind != "rare":
                    show_deed(deed)
            show_menu(deeds)
    return line


def show_deed(deed: Deed) -> None:
    """Draw a deed as a button."""
    if deed.target:
        button = show_link_button(deed.label, deed.target, deed.kind, deed.icon)
    elif deed.do:
        button = show_button(deed.label, deed.do, deed.kind, deed.icon)
    else:
        raise ValueError(f"the deed {deed.label!r} does nothing")
    if deed.kind != "deed":
        button.classes("from-700")


def show_menu(deeds: Sequence[Deed]) -> None:
    """Draw the menu of rare deeds, and below 700 px of all but the filled one."""
    folded = [deed for deed in deeds if deed.kind != "deed"]
    if not folded:
        return
    with ui.button(icon="more_horiz", color=None) as button:
        button.props("flat aria-label='More deeds'").classes("quiet")
        if all(deed.kind != "rare" for deed in folded):
            button.classes("to-700")
        with ui.menu().props("auto-close"):
            for deed in folded:
                item = ui.menu_item(deed.label, on_click=lambda deed=deed: run_deed(deed))
                if deed.kind != "rare":
                    item.classes("to-700")


async def run_deed(deed: Deed) -> None:
    """Go where a deed leads, or do it."""
    if deed.target:
        ui.navigate.to(deed.target)
    elif deed.do:
        await press_safely(deed.do)

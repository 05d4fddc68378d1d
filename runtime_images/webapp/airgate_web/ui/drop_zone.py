"""The drop zone: a file goes from the browser straight to the API, never through the page's own socket."""

from collections.abc import Callable, Mapping
from typing import Any

from nicegui import ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments


class DropZone(Element, component="assets/drop_zone.js"):
    """Sends one file to `address` with ?name and ?filename, and calls `on_done` with the API's answer.

    noun: what the file is, for the words. known: names that exist and how many versions each has. fixed: the only name
    that a file may get here, "" for any.
    """

    def __init__(
        self,
        address: str,
        noun: str,
        known: Mapping[str, int],
        on_done: Callable[[dict[str, Any]], None],
        fixed: str = "",
    ) -> None:
        super().__init__()
        self._props.update({"address": address, "noun": noun, "known": dict(known), "fixed": fixed})

        def finish(event: GenericEventArguments) -> None:
            on_done(event.args)

        self.on("done", finish)


def show_drop_zone(
    route: str, known: Mapping[str, int], on_done: Callable[[str, int], None], fixed: str = ""
) -> ui.element:
    """Draw the place for model files of a project. on_done: given the model's name and its new version."""

    def finish(answer: dict[str, Any]) -> None:
        on_done(str(answer.get("model") or answer.get("name") or fixed), int(answer.get("version") or 1))

    return DropZone(f"/api/v2/projects/{route}/models", "model", known, finish, fixed)

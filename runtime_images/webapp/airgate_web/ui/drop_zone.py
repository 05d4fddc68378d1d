"""The drop zone: a file goes from the browser straight to the API, never through the page's own socket."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nicegui import ui
from nicegui.element import Element
from nicegui.events import GenericEventArguments


class DropZone(Element, component="assets/drop_zone.js"):
    """Sends one file to `address` with ?name and ?filename, and calls `on_done` with the API's answer.

    noun: what the file is, for the words. known: names that exist and how many versions each has. fixed: the only name
    that a file may get here, "" for any. once: a name that exists may not be used again. judge: who looks may allow a
    file that the scanner refuses.
    """

    def __init__(
        self,
        address: str,
        noun: str,
        known: Mapping[str, int],
        on_done: Callable[[dict[str, Any]], None],
        fixed: str = "",
        once: bool = False,
        judge: bool = False,
    ) -> None:
        super().__init__()
        self._props.update({"address": address, "noun": noun, "known": dict(known), "fixed": fixed})
        self._props.update({"once": once, "judge": judge})

        def finish(event: GenericEventArguments) -> None:
            on_done(event.args)

        self.on("done", finish)


def show_model_zone(route: str, known: Mapping[str, int], fixed: str = "", *, judge: bool = False) -> None:
    """Draw the place for model files of a project; a new version is opened once it is there. judge: see DropZone."""

    def finish(answer: dict[str, Any]) -> None:
        ui.navigate.to(f"/projects/{route}/models/{answer['model']}?version={answer['version']}")

    DropZone(f"/api/v2/projects/{route}/models", "model", known, finish, fixed, judge=judge)


def show_dataset_zone(route: str, known: Iterable[str]) -> None:
    """Draw the place for data sets of a project; a new one is opened once it is there."""

    def finish(answer: dict[str, Any]) -> None:
        ui.navigate.to(f"/projects/{route}/datasets/{answer['name']}")

    DropZone(f"/api/v2/projects/{route}/datasets", "data set", dict.fromkeys(known, 1), finish, once=True)

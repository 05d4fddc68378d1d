"""Tabs with counters; the open one stands in the address, so that a link leads back to it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlencode

from nicegui import ui

from airgate_web.ui.visit import Visit


class Tabs:
    """A row of tabs and their panels; fill each with `panel`."""

    def __init__(self, visit: Visit, names: Sequence[str]) -> None:
        self._query = visit.query
        wanted = visit.query.get("tab", "")
        first = next((name for name in names if name.lower() == wanted), names[0])
        self._open = first
        with ui.tabs(on_change=lambda event: self._note(event.value)) as self._tabs:
            self._tabs.props("align=left no-caps indicator-color=primary mobile-arrows")
            self._by_name = {name: ui.tab(name) for name in names}
        self._panels = ui.tab_panels(self._tabs, value=self._by_name[first], animated=False, keep_alive=False)
        self._panels.style("margin-top:-20px")

    @contextmanager
    def panel(self, name: str) -> Iterator[None]:
        """Draw what follows into a tab's panel."""
        with self._panels, ui.tab_panel(self._by_name[name]):
            yield

    def count(self, name: str, count: int) -> None:
        """Show how many there are behind a tab."""
        self._by_name[name].props["label"] = f"{name} {count}"

    def open(self, name: str) -> None:
        """Go to a tab."""
        self._tabs.value = name

    def _note(self, name: str) -> None:
        """Write the open tab into the address; the first one stands there already, or need not."""
        if name == self._open:
            return
        self._open = name
        query = urlencode({**self._query, "tab": name.lower()})
        ui.run_javascript(f"history.replaceState(history.state, '', '?{query}')")

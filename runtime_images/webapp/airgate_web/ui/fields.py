"""Fields of forms that are more than a line of text."""

from collections.abc import Callable

from nicegui import ui

from airgate_web.ui.parts import box, show_text


class Stepper:
    """A whole number with buttons for less and more; it can be typed too, so that a wrong one can be explained.

    on_change: called after each change. The value stays as it was typed.
    """

    def __init__(self, label: str, value: int, low: int, on_change: Callable[[], None]) -> None:
        self._low = low
        with box("tight").style("gap:4px") as self._box:
            show_text(label, "label")
            with box("line"):
                with box("stepper"):
                    self._step("remove", f"One less: {label}", -1)
                    self._field = ui.input(value=str(value), on_change=on_change)
                    self._field.props(f'borderless dense inputmode=numeric aria-label="{label}"').classes("count")
                    self._step("add", f"One more: {label}", 1)
                self._note = ui.label().classes("mute small")

    @property
    def value(self) -> str:
        """What stands in the field."""
        return (self._field.value or "").strip()

    def count(self) -> int:
        """Return the number, or the lowest when it is none."""
        return int(self.value) if self.value.isdecimal() else self._low

    def set(self, value: int) -> None:
        """Put a number into the field."""
        self._field.value = str(max(self._low, value))

    def show(self, visible: bool) -> None:
        """Show or hide it."""
        self._box.set_visibility(visible)

    def note(self, text: str) -> None:
        """Say something beside the number, for example "2 of 4 free"."""
        self._note.text = text

    def _step(self, icon: str, label: str, by: int) -> None:
        button = ui.button(icon=icon, on_click=lambda: self.set(self.count() + by), color=None)
        button.props(f'flat aria-label="{label}"')

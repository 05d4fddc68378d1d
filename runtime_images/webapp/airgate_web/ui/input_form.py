"""The input of a model: a form made from its signature, or JSON, whichever a person likes better."""

import json
from collections.abc import Mapping
from typing import Any

from nicegui import ui

from airgate_web.domain.errors import Invalid
from airgate_web.domain.model import Signature
from airgate_web.domain.scaffold import Field, FieldKind, make_fields, make_sample, read_draft, read_form
from airgate_web.ui.parts import box, show_text, show_wrong
from airgate_web.ui.pictures import write_json

FORM, JSON = "Form", "JSON"


class InputForm:
    """Fields or a text of JSON with a sample filled in. `read` returns the body, `sample` fills it in anew.

    sample: a script's own example; see make_sample.
    """

    def __init__(self, signature: Signature, sample: object = None) -> None:
        self._signature = signature
        self._sample = make_sample(signature, sample)
        self._fields = make_fields(signature)
        self._mode = FORM if self._fields else JSON
        with box("line"):
            show_text("Input", "h2", "h2")
            if self._fields:
                self._buttons = self._show_choice()
        self._form = box("two").style("gap:12px 16px")
        with self._form:
            self._inputs = {field.name: show_field(field) for field in self._fields}
        self._text = ui.textarea(value=write_json(self._sample)).classes("json")
        self._text.props("outlined dense autogrow spellcheck=false aria-label='Input as JSON' input-class=mono")
        self.wrong = show_wrong()
        self._apply_mode()

    def read(self) -> dict[str, Any]:
        """Return the body, {"args": …}; Invalid with one sentence when it cannot be read."""
        if self._mode == FORM:
            return read_form(self._signature, self._find_filled())
        return read_body(self._text.value or "")

    def sample(self) -> None:
        """Fill in the sample again."""
        for field in self._fields:
            self._inputs[field.name].value = find_start(field)
        self._text.value = write_json(self._sample)
        self.wrong.text = ""

    def _find_filled(self) -> dict[str, object]:
        return {name: one.value for name, one in self._inputs.items()}

    def _show_choice(self) -> Mapping[str, ui.button]:
        with box("choice push").props("role=group aria-label='How to write the input'"):
            return {mode: self._show_mode(mode) for mode in (FORM, JSON)}

    def _show_mode(self, mode: str) -> ui.button:
        return ui.button(mode, on_click=lambda: self._choose(mode), color=None).props("flat no-caps")

    def _choose(self, mode: str) -> None:
        if mode == JSON and self._mode == FORM:
            self._text.value = write_json(read_draft(self._signature, self._find_filled()))
        self._mode = mode
        self.wrong.text = ""
        self._apply_mode()

    def _apply_mode(self) -> None:
        self._form.set_visibility(self._mode == FORM)
        self._text.set_visibility(self._mode == JSON)
        for mode, button in self._buttons.items() if self._fields else ():
            button.props(f"aria-pressed={str(mode == self._mode).lower()}")


def show_field(field: Field) -> Any:
    """Draw the field of one input with its sample filled in; its `value` is what was typed."""
    if field.values:
        return ui.select([str(one) for one in field.values], label=field.name, value=find_start(field)).props(
            "outlined dense options-dense"
        )
    if field.kind is FieldKind.SWITCH:
        return ui.checkbox(field.name, value=bool(field.sample))
    one = ui.input(field.name, value=find_start(field)).props("outlined dense")
    if field.kind is not FieldKind.TEXT:
        one.props(f"inputmode={'numeric' if field.kind is FieldKind.WHOLE else 'decimal'}")
    return one


def find_start(field: Field) -> Any:
    """Return what a field holds at first."""
    return bool(field.sample) if field.kind is FieldKind.SWITCH and not field.values else str(field.sample)


def read_body(text: str) -> dict[str, Any]:
    """Return a body out of JSON, with or without its "args" around; Invalid says where it is broken."""
    try:
        body = json.loads(text)
    except json.JSONDecodeError as error:
        raise Invalid(
            f"The input is not JSON: {error.msg} in line {error.lineno}, character {error.colno}.",
            "Check its quotes and commas, or fill in the sample again.",
        ) from None
    return body if isinstance(body, dict) and "args" in body else {"args": body}

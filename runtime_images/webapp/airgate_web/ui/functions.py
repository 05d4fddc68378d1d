"""A model's functions: as a table of its page, and as a choice of its Test page."""

from collections.abc import Callable

from nicegui import ui

from airgate_web.domain.functions import choose_function, explain_functions, find_function, list_functions, make_path
from airgate_web.domain.model import Signature, TensorSpec
from airgate_web.ui.parts import card, show_note, show_text
from airgate_web.ui.pictures import write_shape
from airgate_web.ui.tables import Cell, Column, show_table

FUNCTION = Column("function", "Function")
PATH = Column("path", "Path")
TENSORS = (Column("inputs", "Inputs"), Column("outputs", "Outputs"))


def show_functions(signature: Signature) -> None:
    """Draw a card of the functions, and what goes into each where they tell; none where there is predict alone."""
    if not signature.further:
        return
    columns = (FUNCTION, PATH, *(TENSORS if tells_tensors(signature) else ()))
    with card("Functions"):
        if sentence := explain_functions(signature):
            show_note(sentence)
        show_table(columns, [make_row(signature, name) for name in list_functions(signature)])
        if not tells_tensors(signature):
            show_text("Only the script knows what each of them takes.", "mute small")


def tells_tensors(signature: Signature) -> bool:
    """Return whether the functions say what goes into them, which those of a script do not."""
    return bool(signature.inputs) or any(function.inputs for function in signature.further)


def make_row(signature: Signature, name: str) -> dict[str, object]:
    """Return a function as a row."""
    part, _ = find_function(signature, None, name)
    return {
        "function": Cell(name, mono=True),
        "path": Cell(f"/{make_path(name)}", mono=True),
        "inputs": write_tensors(part.inputs),
        "outputs": write_tensors(part.outputs),
    }


def write_tensors(specs: tuple[TensorSpec, ...]) -> str:
    """Return inputs or outputs as people read them: "image FP32 n × 64, mask BOOL n"."""
    return ", ".join(f"{spec.name} {spec.datatype} {write_shape(spec.shape)}" for spec in specs) or "–"


def show_function_choice(signature: Signature, pick: Callable[[str], None]) -> ui.select | None:
    """Draw the choice of a function, with what is meant where none is named chosen; none where there is but one."""
    functions = list_functions(signature)
    if sentence := explain_functions(signature):
        show_note(sentence)
    if len(functions) < 2:
        return None
    choice = ui.select(
        list(functions), label="Function", value=choose_function(signature), on_change=lambda event: pick(event.value)
    )
    return choice.props("outlined dense options-dense")

"""What pages share: words with a dot, boxes, buttons, code with a copy button, and ages that grow by themselves."""

import datetime
from collections.abc import Awaitable, Callable, Sequence
from html import escape

from nicegui import ui

from airgate_web.domain.errors import Refusal
from airgate_web.domain.job import JobState
from airgate_web.domain.workload import ReplicaState

Do = Callable[[], Awaitable[None]]
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
THIN = "\u2009"  # between thousands, and between a number and its unit


def show_html(text: str, classes: str = "", tag: str = "div") -> ui.html:
    """Draw markup of ours; whatever a person wrote must have been escaped into it."""
    return ui.html(text, sanitize=False, tag=tag).classes(classes)


def show_text(text: str, classes: str = "", tag: str = "div") -> ui.html:
    """Draw plain text."""
    return show_html(escape(text), classes, tag)


def box(classes: str, tag: str = "div") -> ui.element:
    """Return an element; what is drawn `with` it stands inside."""
    return ui.element(tag).classes(classes)


def card(title: str = "", classes: str = "") -> ui.element:
    """Return a card with a title; what is drawn `with` it stands inside."""
    element = box(f"card {classes}", "section")
    if title:
        with element:
            show_text(title, "h2", "h2")
    return element


def make_chip(state: ReplicaState | JobState, text: str = "") -> str:
    """Return one of the words for a state with its dot, as markup."""
    return make_dot(state.value.lower(), text or state.value)


def make_dot(kind: str, text: str) -> str:
    """Return a text behind a dot, as markup. kind: the state in small letters that has its colour."""
    return f'<span class="chip"><i class="dot {kind}"></i>{escape(text)}</span>'


def make_badge(text: str) -> str:
    """Return a small frame around a word, as markup."""
    return f'<span class="badge">{escape(text)}</span>'


def make_link(text: str, target: str, classes: str = "") -> str:
    """Return a link within the appliance, as markup."""
    return f'<a href="{escape(target)}" class="{classes}">{escape(text)}</a>'


def make_age(at: datetime.datetime | None) -> str:
    """Return how long ago `at` was, as markup that stays true; the exact local time is its hint."""
    return f'<time datetime="{at.isoformat()}"></time>' if at else "–"


def show_button(label: str, do: Do, kind: str = "plain", icon: str = "") -> ui.button:
    """Draw a button. kind: deed (the one filled), plain, quiet or danger. A refusal is shown as it is."""
    button = ui.button(label, on_click=lambda: press_safely(do), icon=icon or None, color=None)
    return button.props("flat no-caps").classes(kind)


async def press_safely(do: Do) -> None:
    """Do a deed and show its refusal, if there is one."""
    try:
        await do()
    except Refusal as refusal:
        show_refusal(refusal)


def show_link_button(label: str, target: str, kind: str = "plain", icon: str = "") -> ui.button:
    """Draw a link that looks like a button."""
    button = ui.button(label, icon=icon or None, color=None).props("flat no-caps type=a").classes(kind)
    button.props["href"] = target
    return button


def show_wrong() -> ui.label:
    """Draw the place under a form where a refusal's sentence will stand; set its text."""
    return ui.label().classes("wrong").props("role=alert")


def write_refusal(refusal: Refusal) -> str:
    """Return a refusal's sentence and hint as one line."""
    return f"{refusal.sentence} {refusal.hint}".strip()


def show_refusal(refusal: Refusal) -> None:
    """Say why something was refused, for long enough to read it."""
    ui.notify(f"{refusal.sentence}\n{refusal.hint}".strip(), timeout=12_000, close_button="Close", position="bottom")


def show_done(sentence: str) -> None:
    """Say that a deed is done."""
    ui.notify(sentence, position="bottom", timeout=4000)


def show_attention(sentence: str, rest: str = "") -> None:
    """Draw what needs attention: the sentence in bold, then `rest` (markup)."""
    with box("why").props("role=status"):
        show_html(f"<b>{escape(sentence)}</b> {rest}")


def show_note(sentence: str) -> None:
    """Draw something worth knowing that is no trouble."""
    with box("note").props("role=note"):
        show_text(sentence)


def show_code(text: str, label: str = "") -> None:
    """Draw text in fixed width with a copy button."""
    if label:
        show_text(label, "label")
    show_html(
        f'<pre tabindex="0">{escape(text)}</pre><button type="button" class="icon-button copy" data-deed="copy" '
        'aria-label="Copy"><i class="material-icons" style="font-size:18px">content_copy</i></button>',
        "code",
    )


def show_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Draw names with their values; the values are markup."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in facts)
    show_html(rows, "facts", "dl")


def show_stat(label: str, value: str, note: str = "", target: str = "") -> None:
    """Draw one figure on a card; with a target the card leads there."""
    text = f'<span class="mute">{escape(label)}</span><b>{escape(value)}</b><span class="mute small">{note}</span>'
    if target:
        show_html(text, "card stat", "a").props["href"] = target
    else:
        show_html(text, "card stat")


def show_empty(sentence: str, advice: str = "") -> None:
    """Draw the first row of advice where there is nothing yet."""
    advice = f"<span>{escape(advice)}</span>" if advice else ""
    show_html(f"<b>{escape(sentence)}</b>{advice}", "empty")


def show_bars(values: Sequence[tuple[str, float]]) -> None:
    """Draw shares between 0 and 1 as bars, the largest in the accent."""
    top = max((value for _, value in values), default=0.0)
    parts = (
        f'<span title="{escape(name)}">{escape(name)}</span>'
        f'<span class="bar{" top1" * (value == top)}" style="width:{100 * max(0.0, min(1.0, value)):.2f}%"></span>'
        f"<span>{value:.3f}</span>"
        for name, value in values
    )
    show_html("".join(parts), "bars")


def write_size(size: int) -> str:
    """Return bytes as people read them: "3.4 MiB"; powers of 1024."""
    value = float(size)
    for unit in UNITS:
        if value < 1024 or unit == UNITS[-1]:
            return f"{value:.0f}{THIN}{unit}" if unit == "B" or value >= 100 else f"{value:.1f}{THIN}{unit}"
        value /= 1024
    raise AssertionError("the last unit takes every value")


def write_cores(millis: int) -> str:
    """Return thousandths of a core as people read them: "1 core", "0.5 cores"."""
    return "1 core" if millis == 1000 else f"{millis / 1000:g} cores"


def write_count(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: "1 model", "1 204 models" with thin separators."""
    return f"{count:,} {one if count == 1 else many or one + 's'}".replace(",", THIN)

"""What a runtime warns of before it opens a model: drawn where a person decides for it."""

import re
from collections.abc import Sequence
from html import escape

from airgate_web.services.fitting import Caution
from airgate_web.ui.parts import make_link, show_attention

COMMAND = re.compile(r"airgate-serve \w+(?: (?:--\w+|[A-Z]+))*")


def show_cautions(cautions: Sequence[Caution], *, beside: bool = False) -> None:
    """Draw each warning: what and why in bold, what to do, and of which runtime and model it speaks.

    beside: it stands beside the runtime, which needs not be named again.
    """
    several = len({one.model for one in cautions}) > 1
    for one in cautions:
        runtime = "" if beside else f" Runtime: {make_link(one.runtime.name, '/runtimes')}."
        model = f" Model: {escape(one.model)}." if several else ""
        show_attention(one.sentence, f"<span>{mark_commands(escape(one.hint))}{runtime}{model}</span>")


def mark_commands(text: str) -> str:
    """Return markup in which a command of ours stands in fixed width."""
    return COMMAND.sub(lambda found: f'<span class="mono">{found[0]}</span>', text)

"""The tokens of a deployment: made and shown once, listed, revoked."""

import datetime
from collections.abc import Sequence

from nicegui import ui

from airgate_web.domain.deployment import Token
from airgate_web.services.tokens import DAYS, issue_token, revoke_token
from airgate_web.ui.parts import (
    box,
    card,
    make_age,
    show_button,
    show_code,
    show_done,
    show_html,
    show_text,
)
from airgate_web.ui.sheets import DRAWER, ask_before, open_sheet, show_ends
from airgate_web.ui.visit import Visit

SHOWN = 20  # tokens; older ones are in the API


def show_tokens(visit: Visit, route: str, name: str, tokens: Sequence[Token]) -> None:
    """Draw the card with a deployment's tokens."""
    with card():
        with box("line"):
            show_text("Tokens", "h2", "h2")
            with box("push"):
                show_button("Make token", lambda: open_form(visit, route, name), "plain", "key")
        if not tokens:
            show_text("No token yet. Without one nobody can call it.", "mute")
        for token in tokens[:SHOWN]:
            show_token(visit, route, name, token)
        if len(tokens) > SHOWN:
            show_text(f"And {len(tokens) - SHOWN} older ones.", "mute small")


def show_token(visit: Visit, route: str, name: str, token: Token) -> None:
    """Draw one token: whom it is for, how long it lives, and the button that ends it."""

    with box("token"):
        with box("grow"):
            show_text(token.note or "Without a note", "strong")
            show_html(make_life(token, visit.desk.clock.now()), "mute small")
        if token.revoked is None and token.expires > visit.desk.clock.now():
            button = show_button("Revoke", lambda: ask_to_revoke(visit, route, name, token), "quiet")
            button.props["aria-label"] = f"Revoke {token.note or token.id}"


async def ask_to_revoke(visit: Visit, route: str, name: str, token: Token) -> None:
    """Ask before a token ends for good, and say which one it is."""

    async def revoke() -> None:
        await visit.act(revoke_token, visit.desk, visit.user, route, name, token.id)
        show_done("The token no longer opens anything.")

    title = f"Revoke token {token.id[:8]}" + (f": {token.note}" if token.note else "")
    ask_before(title, f"Whoever calls {name} with it is refused at once. It cannot be undone.", "Revoke token", revoke)


def make_life(token: Token, now: datetime.datetime) -> str:
    """Return when a token was made and when it ends, as markup."""
    made = f'<span class="mono">{token.id[:8]}</span> · made {make_age(token.created)} · '
    if token.revoked:
        return f"{made}revoked {make_age(token.revoked)}"
    return made + (f"ends {make_age(token.expires)}" if token.expires > now else f"ended {make_age(token.expires)}")


async def open_form(visit: Visit, route: str, name: str) -> None:
    """Ask whom the token is for and how long it lives; then show it, this once."""
    with open_sheet("Make token", DRAWER) as dialog:
        show_text(f"It calls {name} and nothing else.", "mute")
        note = ui.input("Whom it is for").props("outlined dense autofocus maxlength=200")
        days = ui.input("Days it lives", value=str(DAYS)).props("outlined dense inputmode=numeric")

        async def make() -> None:
            words = note.value or "", days.value or ""
            issued = await visit.act(issue_token, visit.desk, visit.user, route, name, *words)
            dialog.close()
            show_issued(issued.text)

        show_ends(dialog, "Make token", make)


def show_issued(text: str) -> None:
    """Show a new token's text; it cannot be shown again."""
    with open_sheet("Copy this token now") as dialog:
        dialog.props("persistent")
        show_text("It is not kept here and cannot be shown again.", "mute")
        show_code(text)
        with box("ends"):
            ui.button("Done", on_click=dialog.close, color=None).props("flat no-caps").classes("deed")

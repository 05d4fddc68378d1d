"""The door: a plain form, so that it works before anything else does, and with every password manager."""

import asyncio
from html import escape
from typing import Annotated
from urllib.parse import quote

from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from nicegui import __version__ as framework

from airgate_web.domain.errors import Refusal
from airgate_web.services.desk import Desk
from airgate_web.services.failed_sign_ins import read_sender
from airgate_web.services.users import SESSION, sign_in, start_session
from airgate_web.ui.theme import HEAD, ICON, MARK
from airgate_web.ui.visit import About

COOKIE = "airgate_session"
FONTS = f'<link rel="stylesheet" href="/_nicegui/{framework}/static/fonts.css">'  # the other pages load it themselves

DOOR = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in · Airgate</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="{icon}">{head}</head>
<body class="plain-page"><main class="door"><form method="post" action="/sign-in" class="card">
<p class="mark">{mark}Airgate</p>
<h1 class="h1">Sign in</h1>
{wrong}
<label>Name
<input name="name" value="{name}" autocomplete="username" autocapitalize="none" required {focus_name}></label>
<label>Password
<input name="password" type="password" autocomplete="current-password" required {focus_password}></label>
<input type="hidden" name="next" value="{next}">
<button>Sign in</button>
{hint}
</form></main></body></html>"""


def add_door(app: FastAPI, desk: Desk, about: About) -> None:
    """Add signing in and out to the pages."""

    @app.get("/sign-in", include_in_schema=False)
    async def show_door(next: str = "/") -> HTMLResponse:  # noqa: A002
        """Show the form."""
        hint = await asyncio.to_thread(about.find_first_password)
        return draw_door(find_safe_target(next), hint)

    @app.post("/sign-in", include_in_schema=False)
    async def open_door(
        request: Request,
        name: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        next: Annotated[str, Form()] = "/",  # noqa: A002
    ) -> Response:
        """Start a session, or show the form again with the reason."""
        target = find_safe_target(next)
        sender = read_sender(request.headers, request.client.host if request.client else None)
        try:
            token = await asyncio.to_thread(enter, desk, name, password, sender)
        except Refusal as refusal:
            return draw_door(target, await asyncio.to_thread(about.find_first_password), name, refusal)
        answer = RedirectResponse(target, status_code=303)
        seconds = int(SESSION.total_seconds())
        secure = request.headers.get("x-forwarded-proto", request.url.scheme) == "https"
        answer.set_cookie(COOKIE, token, max_age=seconds, httponly=True, samesite="strict", secure=secure)
        return answer

    @app.post("/sign-out", include_in_schema=False)
    async def close_door() -> Response:
        """Forget the session in this browser."""
        answer = RedirectResponse("/sign-in", status_code=303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer


def enter(desk: Desk, name: str, password: str, sender: str) -> str:
    """Return a new session's token."""
    return start_session(desk, sign_in(desk, name.strip(), password, sender))


def draw_door(target: str, hint: str, name: str = "", refusal: Refusal | None = None) -> HTMLResponse:
    """Return the form, with the refusal of the last try above its fields."""
    wrong = f'<p class="wrong" role="alert">{escape(refusal.sentence)} {escape(refusal.hint)}</p>' if refusal else ""
    text = DOOR.format(
        head=FONTS + HEAD,
        icon=f"data:image/svg+xml,{quote(ICON)}",
        mark=MARK,
        wrong=wrong,
        name=escape(name),
        focus_name="" if name else "autofocus",
        focus_password="autofocus" if name else "",
        next=escape(target),
        hint=f'<p class="mute small">{escape(hint)}</p>' if hint else "",
    )
    return HTMLResponse(text, status_code=401 if refusal else 200, headers={"Cache-Control": "no-store"})


def find_safe_target(target: str) -> str:
    """Return `target` when it is a path of this appliance, else "/": no link may lead a person elsewhere."""
    inside = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if inside else "/"

"""The contents page: which address shows what."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from nicegui import app as pages_app
from nicegui import background_tasks, ui

from airgate_web.domain.errors import NotFound, Refusal, Unauthenticated
from airgate_web.services.desk import Desk
from airgate_web.services.users import find_session_user
from airgate_web.ui.accelerators import draw_accelerators
from airgate_web.ui.audit import draw_audit
from airgate_web.ui.dataset import draw_dataset
from airgate_web.ui.deploy import draw_deploy, draw_edit
from airgate_web.ui.deployment import draw_deployment
from airgate_web.ui.edges import Edges
from airgate_web.ui.frame import show_refused_page
from airgate_web.ui.home import draw_home
from airgate_web.ui.job import draw_job
from airgate_web.ui.model import draw_model
from airgate_web.ui.nodes import draw_nodes
from airgate_web.ui.project import draw_project
from airgate_web.ui.projects import draw_projects
from airgate_web.ui.pulse import Pulse
from airgate_web.ui.run import draw_run
from airgate_web.ui.runtimes import draw_runtimes
from airgate_web.ui.sign_in import COOKIE, add_door
from airgate_web.ui.system import draw_system
from airgate_web.ui.theme import ICON, apply_theme, serve_assets
from airgate_web.ui.visit import About, Visit

Draw = Callable[..., Awaitable[None]]
TITLE = "Airgate"
BUILD_S = 15.0  # seconds a page may take to be built before it says that it failed


async def draw_nothing(_visit: Visit, path: str) -> None:
    """Refuse a page that nobody knows."""
    raise NotFound(f"There is no page /{path}.", "Check the address, or begin with the projects.")


PAGES: tuple[tuple[str, Draw], ...] = (
    ("/", draw_home),
    ("/projects", draw_projects),
    ("/projects/{route}", draw_project),
    ("/projects/{route}/models/{name}", draw_model),
    ("/projects/{route}/datasets/{name}", draw_dataset),
    ("/projects/{route}/run", draw_run),
    ("/projects/{route}/jobs/{number}", draw_job),
    ("/projects/{route}/deploy", draw_deploy),
    ("/projects/{route}/deployments/{name}", draw_deployment),
    ("/projects/{route}/deployments/{name}/edit", draw_edit),
    ("/accelerators", draw_accelerators),
    ("/nodes", draw_nodes),
    ("/runtimes", draw_runtimes),
    ("/audit", draw_audit),
    ("/system", draw_system),
    ("/{path:path}", draw_nothing),  # the last: it takes whatever the others do not
)


def add_pages(app: FastAPI, desk: Desk, about: About) -> None:
    """Add the pages to `app`, below everything it has already: they answer whatever no route before them does.

    Once a process: the pages' framework is one object for all. Nothing is written to disk.
    """
    pulse = Pulse(desk.store)
    serve_assets()
    add_door(pages_app, desk, about)
    for path, draw in PAGES:
        add_page(path, draw, desk, pulse, about)
    pages_app.on_startup(lambda: follow_store(pulse))
    ui.run_with(
        app,
        title=TITLE,
        favicon=ICON,
        dark=None,
        language="en-US",
        tailwind=False,
        binding_refresh_interval=None,
        reconnect_timeout=10.0,
        show_welcome_message=False,
    )
    pages_app.add_middleware(Edges)


def follow_store(pulse: Pulse) -> None:
    """Let the pulse beat until the server stops."""
    background_tasks.create(pulse.run(), name="pulse")


def add_page(path: str, draw: Draw, desk: Desk, pulse: Pulse, about: About) -> None:
    """Serve `draw` at `path` to whoever is signed in; the others are sent to the door."""

    @ui.page(path, response_timeout=BUILD_S)
    async def show(request: Request) -> Response | None:
        try:
            visit = await asyncio.to_thread(find_visit, request, desk, pulse, about)
        except Unauthenticated:
            return RedirectResponse(f"/sign-in?next={quote(find_target(request), safe='')}", status_code=303)
        apply_theme()
        try:
            await draw(visit, **request.path_params)
        except Refusal as refusal:
            show_refused_page(visit, refusal)
        return None


def find_visit(request: Request, desk: Desk, pulse: Pulse, about: About) -> Visit:
    """Return who visits; Unauthenticated when no session is open."""
    token = request.cookies.get(COOKIE, "")
    user = find_session_user(desk, token)
    return Visit(desk, pulse, about, user, token, find_origin(request), dict(request.query_params))


def find_origin(request: Request) -> str:
    """Return the address in the browser's bar; the gateway in front says whether it is https."""
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme)
    return f"{scheme}://{request.headers.get('host', request.url.netloc)}"


def find_target(request: Request) -> Any:
    """Return the address asked for, without its host."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")

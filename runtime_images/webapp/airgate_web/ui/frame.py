"""The frame around every page: mark, crumbs, jump-to, light or dark, the user's menu, and the rooms on the left."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape

from nicegui import ui

from airgate_web.domain.errors import NotFound, Refusal
from airgate_web.domain.user import Role, User
from airgate_web.ui.account import show_account
from airgate_web.ui.head import show_head
from airgate_web.ui.jump import show_jump
from airgate_web.ui.parts import box, show_html, show_link_button, show_text
from airgate_web.ui.theme import MARK
from airgate_web.ui.visit import Visit

Crumb = tuple[str, str]  # text, target; the last one has no target

ROOMS = (("home", "Home", "/"), ("folder_open", "Projects", "/projects"))
APPLIANCE = (
    ("memory", "Accelerators", "/accelerators", False),
    ("dns", "Nodes", "/nodes", False),
    ("layers", "Runtimes", "/runtimes", False),
    ("history", "Audit", "/audit", True),  # for admins
    ("settings", "System", "/system", False),
)


@contextmanager
def frame(visit: Visit, room: str, crumbs: Sequence[Crumb], title: str = "") -> Iterator[None]:
    """Draw what follows inside the frame. room: the entry on the left that is lit."""
    ui.page_title(f"{title or crumbs[-1][0]} · Airgate")
    show_html('<a class="skip" href="#content">Go to content</a>')
    with box("top", "header"):
        show_html(make_left_end())
        show_html(make_crumbs(crumbs), "crumbs", "nav").props('aria-label="Where you are"')
        show_jump(visit)
        show_html(make_look_switch())
        show_account(visit)
    show_html(make_side(visit.user, room), "side", "nav").props('aria-label="Rooms" id=side')
    show_html("", "veil", "button").props('data-deed=side aria-label="Close the menu" tabindex=-1')
    with box("main", "main").props("id=content"), box("page"):
        yield


def make_left_end() -> str:
    """Return the menu button of a phone and the mark, as markup."""
    return (
        '<span class="line" style="flex-wrap:nowrap;gap:4px"><button type="button" id="side-button" '
        'class="icon-button only-narrow" data-deed="side" aria-label="Menu" aria-expanded="false" aria-controls="side">'
        f'<i class="material-icons">menu</i></button><a href="/" class="mark" aria-label="Airgate, home">{MARK}'
        "<span>Airgate</span></a></span>"
    )


def make_crumbs(crumbs: Sequence[Crumb]) -> str:
    """Return the way here, as markup; the last part is the page itself."""
    parts = [f'<i>/</i><a href="{escape(target)}">{escape(text)}</a>' for text, target in crumbs[:-1]]
    return "".join(parts) + f"<i>/</i><b>{escape(crumbs[-1][0])}</b>"


def make_look_switch() -> str:
    """Return the switch between light and dark, as markup; the browser remembers it."""
    return (
        '<button type="button" class="icon-button" data-deed="look" aria-label="Light or dark">'
        '<i class="material-icons" style="font-size:20px">contrast</i></button>'
    )


def make_side(user: User, room: str) -> str:
    """Return the rooms that `user` may enter, as markup."""
    mine = [entry for *entry, for_admins in APPLIANCE if user.role is Role.ADMIN or not for_admins]
    return make_entries(ROOMS, room) + "<h2>Appliance</h2>" + make_entries(mine, room)


def make_entries(entries: Sequence[Sequence[str]], room: str) -> str:
    """Return links with icons, as markup."""
    return "".join(
        f'<a href="{target}"{" aria-current=page" if label == room else ""}>'
        f'<i class="material-icons-outlined q-icon" style="font-size:19px" aria-hidden="true">{icon}</i>{label}</a>'
        for icon, label, target in entries
    )


def show_refused_page(visit: Visit, refusal: Refusal) -> None:
    """Draw a page that cannot be shown, with the reason and a way on."""
    if isinstance(refusal, NotFound):
        ui.context.client.status_code = 404
    with frame(visit, "", (("Not here", ""),)):
        show_head(refusal.sentence)
        with box("line"):
            show_text(refusal.hint, "mute")
        with box("line"):
            show_link_button("Go to projects", "/projects", "deed")

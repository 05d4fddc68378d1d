"""The user's menu: who is signed in, a new password, signing out."""

from nicegui import ui

from airgate_web.services.users import change_password
from airgate_web.ui.parts import show_text
from airgate_web.ui.sheets import DRAWER, open_sheet, show_ends
from airgate_web.ui.visit import Visit


def show_account(visit: Visit) -> None:
    """Draw the round button with the user's first letter and its menu."""
    letter = visit.user.name[:1].upper()
    with ui.element("button").classes("icon-button face").props('type=button aria-label="Your account"'):
        show_text(letter, tag="span")
        with ui.menu().props("anchor='bottom right' self='top right' auto-close"):
            ui.item(f"{visit.user.name} · {visit.user.role.value}").props("disable dense")
            ui.menu_item("Change password", on_click=lambda: show_password_form(visit))
            ui.menu_item("Sign out", on_click=lambda: ui.run_javascript(SIGN_OUT))


SIGN_OUT = "const f = Object.assign(document.createElement('form'), {method: 'post', action: '/sign-out'});" + (
    "document.body.append(f); f.submit();"
)


def show_password_form(visit: Visit) -> None:
    """Ask for the old and the new password in a drawer; every session of the old one ends, this one too."""
    with open_sheet("Change password", DRAWER) as dialog:
        old = ui.input("Old password", password=True).props("outlined dense autofocus autocomplete=current-password")
        new = ui.input("New password", password=True).props("outlined dense autocomplete=new-password")
        show_text("You sign in anew afterwards, here and everywhere else.", "mute small")

        async def change() -> None:
            await visit.act(change_password, visit.desk, visit.user, old.value or "", new.value or "")
            ui.navigate.to("/sign-in")

        show_ends(dialog, "Change password", change)

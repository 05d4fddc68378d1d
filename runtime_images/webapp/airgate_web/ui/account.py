"""The user's menu: who is signed in, a new password, signing out."""

from nicegui import ui

from airgate_web.domain.errors import Refusal
from airgate_web.services.users import change_password
from airgate_web.ui.parts import box, show_button, show_text, show_wrong, write_refusal
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
    with ui.dialog().props("position=right full-height") as dialog, box("sheet"):
        show_text("Change password", "h2", "h2")
        old = ui.input("Old password", password=True).props("outlined dense autocomplete=current-password")
        new = ui.input("New password", password=True).props("outlined dense autocomplete=new-password")
        wrong = show_wrong()

        async def change() -> None:
            try:
                await visit.act(change_password, visit.desk, visit.user, old.value or "", new.value or "")
            except Refusal as refusal:
                wrong.text = write_refusal(refusal)
                return
            ui.navigate.to("/sign-in")

        show_text("You sign in anew afterwards, here and everywhere else.", "mute small")
        with box("ends"):
            ui.button("Cancel", on_click=dialog.close, color=None).props("flat no-caps").classes("quiet")
            show_button("Change password", change, "deed")
    dialog.open()

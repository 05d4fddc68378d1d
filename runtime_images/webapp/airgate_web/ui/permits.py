"""Files that the scanner refuses: who allowed one, why, and the way to allow and to withdraw."""

from html import escape

from nicegui import ui

from airgate_web.domain.model import ModelVersion, Permit
from airgate_web.domain.user import Role
from airgate_web.services.permits import allow_version, withdraw_permit
from airgate_web.ui.head import Deed
from airgate_web.ui.parts import box, make_age, show_button, show_html, show_text
from airgate_web.ui.sheets import open_sheet, show_ends
from airgate_web.ui.visit import Visit

REASON_MAX = 500  # characters that the field takes
CONSEQUENCE = (
    "The scanner refuses this file because of what opening it would do. Allowed, this one file is opened all the same, "
    "in tests and in deployments. The lock stays on: no network, no other files, no programs. Your name and reason are "
    "kept, and shown wherever it is used."
)


def find_deed(visit: Visit, version: ModelVersion) -> list[Deed]:
    """Return the deed by which an administrator allows a version; none for others, or where it is allowed."""
    if visit.user.role is not Role.ADMIN or version.path or version.override:
        return []
    return [Deed("Allow past the scanner", kind="rare", do=lambda: open_form(visit, version))]


def show_version_permit(visit: Visit, version: ModelVersion) -> None:
    """Draw a version's permit with the button that ends it, or allows it again; nothing where there is none."""
    if version.permit is None:
        return
    with box("why").props("role=status"):
        show_html(write_permit(version.permit, f"v{version.version}"))
        if visit.user.role is not Role.ADMIN:
            return
        if version.override:
            show_button("Withdraw permission", lambda: withdraw(visit, version))
        else:
            show_button("Allow again", lambda: open_form(visit, version))


def show_deployed_permit(name: str, permit: Permit) -> None:
    """Draw, where a version is deployed, that the scanner was overruled for it. name: of model and version."""
    after = " It runs on until it is deleted or gets another version." if permit.withdrawn else ""
    with box("why").props("role=status"):
        show_html(write_permit(permit, name) + after)


def write_permit(permit: Permit, name: str) -> str:
    """Return who allowed what and why, as markup; of a withdrawn one who withdrew it."""
    said = f"The scanner: {escape(permit.found)}"
    allowed = f"{escape(permit.allowed_by)} allowed it ({make_age(permit.allowed)}): “{escape(permit.reason)}”"
    if permit.withdrawn is None:
        return f"<b>The scanner was overruled for {escape(name)}.</b> {said} {allowed} The lock holds it all the same."
    ended = f"{escape(permit.withdrawn_by)} withdrew it ({make_age(permit.withdrawn)})."
    return f"<b>{escape(name)} cannot be tested or deployed: its permission was withdrawn.</b> {said} {allowed} {ended}"


async def open_form(visit: Visit, version: ModelVersion) -> None:
    """Ask for the reason."""
    title = f"Allow {version.model} v{version.version} past the scanner"
    with open_sheet(title) as dialog:
        show_text(CONSEQUENCE)
        show_text(version.digest, "mono small")
        reason = ui.textarea("Why may it be opened?").props(f"outlined dense autogrow autofocus maxlength={REASON_MAX}")

        async def allow() -> None:
            place = (version.project, version.model, version.version)
            await visit.act(allow_version, visit.desk, visit.user, *place, version.digest, reason.value or "")
            go_to(version)

        show_ends(dialog, f"Allow v{version.version}", allow, "danger")


async def withdraw(visit: Visit, version: ModelVersion) -> None:
    """End a permit at once: allowing again undoes it."""
    await visit.act(withdraw_permit, visit.desk, visit.user, version.project, version.model, version.version)
    go_to(version)


def go_to(version: ModelVersion) -> None:
    """Draw the version's page anew."""
    ui.navigate.to(f"/projects/{version.project}/models/{version.model}?version={version.version}")

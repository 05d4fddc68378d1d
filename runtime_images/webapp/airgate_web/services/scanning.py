"""Files that the scanner refuses: opened all the same where an administrator says so, with a reason.

The word counts for one file by its digest, and lifts the scanner alone: the sandbox's lock nobody can lift.
"""

import dataclasses

from airgate_web.domain.errors import DangerousModel, Forbidden, Invalid
from airgate_web.domain.model import ModelVersion, Permit
from airgate_web.domain.names import read_text
from airgate_web.domain.user import Role, User
from airgate_web.ports import Inspection
from airgate_web.services.desk import Desk
from airgate_web.services.fitting import inspect_file

HINT_ASK = "Or ask an administrator, who may allow this one file with a written reason."
HINT_ALLOW = "Or allow this one file with a written reason."  # to one who may


def read_reason(user: User, text: str) -> str:
    """Return why a file may be opened; Forbidden unless an administrator says it, Invalid when nothing is said."""
    require_judge(user)
    reason = read_text("Reason", text)
    if not reason:
        raise Invalid("The reason is empty.", "Write why this file may be opened: it is kept with your name.")
    return reason


def require_judge(user: User) -> None:
    """Raise Forbidden unless `user` may overrule the scanner."""
    if user.role is not Role.ADMIN:
        raise Forbidden(
            "Only an administrator may allow a file that the scanner refuses.", "Ask one, and say what the file is for."
        )


def inspect_allowed(
    desk: Desk, user: User, runtime: str, file: tuple[str, str], reason: str
) -> tuple[Inspection, Permit | None]:
    """Return what is in a file and, where the scanner refuses it, the permit that `reason` makes.

    file: digest and name. Raises DangerousModel when the scanner refuses it and there is no reason; else as
    `inspect_file`.
    """
    digest, filename = file
    try:
        return inspect_file(desk, runtime, digest, filename), None
    except DangerousModel as refused:
        if not reason:
            more = HINT_ALLOW if user.role is Role.ADMIN else HINT_ASK
            raise DangerousModel(refused.sentence, f"{refused.hint} {more}".strip()) from refused
        permit = Permit(digest, reason, refused.sentence, desk.clock.now(), user.name)
    return inspect_file(desk, runtime, digest, filename, override=True), permit


def note_permit(desk: Desk, user: User, version: ModelVersion) -> None:
    """Keep in the audit who allowed what, why, and what the scanner found."""
    if version.permit:
        permit = version.permit
        detail = f"version {version.version}, {permit.digest}, because: {permit.reason} The scanner: {permit.found}"
        desk.note(user, "allow past the scanner", f"model {version.project}/{version.model}", detail)


def require_allowed(version: ModelVersion) -> None:
    """Raise Invalid for a version whose permit was withdrawn."""
    permit = version.permit
    if permit and not version.override:
        raise Invalid(
            f"The scanner refuses version {version.version} of '{version.model}', and {permit.withdrawn_by} has "
            "withdrawn the permission to open it.",
            "Upload a version that the scanner takes, or ask an administrator to allow this one again.",
        )


def withdraw(permit: Permit, user: User, desk: Desk) -> Permit:
    """Return a permit that holds no more."""
    return dataclasses.replace(permit, withdrawn=desk.clock.now(), withdrawn_by=user.name)

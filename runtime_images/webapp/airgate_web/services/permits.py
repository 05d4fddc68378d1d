"""Allowing a version that the scanner refuses, and withdrawing that. What is deployed meanwhile runs on."""

import dataclasses

from airgate_web.domain.errors import Conflict, Invalid
from airgate_web.domain.model import ModelVersion
from airgate_web.domain.user import User
from airgate_web.services.desk import Desk
from airgate_web.services.models import find_version
from airgate_web.services.runtimes import find_fitting_runtime
from airgate_web.services.scanning import inspect_allowed, note_permit, read_reason, require_judge, withdraw


def allow_version(
    desk: Desk, user: User, route: str, model: str, version: str | int, digest: str, reason: str
) -> ModelVersion:
    """Have a version opened though the scanner refuses it, and return it with its permit.

    digest: of the version's file, so that nobody allows another than they looked at. Raises Forbidden unless an
    administrator asks, Invalid without a reason or when the scanner has nothing against the file, Conflict when it is
    another file or is allowed already, BadModel when it cannot be opened even so.
    """
    reason = read_reason(user, reason)
    found = find_version(desk, route, model, version)
    require_meant(found, digest.strip())
    runtime = find_fitting_runtime(desk, found).slug
    _, permit = inspect_allowed(desk, user, runtime, (found.digest, found.filename), reason)
    if permit is None:
        raise Invalid("The scanner has nothing against this file.", "Test or deploy it as it is.")
    desk.store.put_permit(route, model, found.version, permit)
    allowed = dataclasses.replace(found, permit=permit)
    note_permit(desk, user, allowed)
    return allowed


def require_meant(version: ModelVersion, digest: str) -> None:
    """Raise when a permit would be for another file, or for none, or is there already."""
    if version.path:
        raise Invalid("A model that is a folder is not scanned.", "Whoever registered it knows what is in it.")
    if digest != version.digest:
        raise Conflict(f"Version {version.version} has the digest {version.digest}.", "Look again at what you allow.")
    if version.override:
        raise Conflict(f"Version {version.version} is allowed past the scanner already.", "Withdraw that first.")


def withdraw_permit(desk: Desk, user: User, route: str, model: str, version: str | int) -> None:
    """Refuse new tests and deployments of a version again; Conflict when it has no permit that holds."""
    require_judge(user)
    found = find_version(desk, route, model, version)
    if found.permit is None or not found.override:
        raise Conflict(f"Version {found.version} of '{model}' has no permit to withdraw.", "Choose one that has.")
    desk.store.put_permit(route, model, found.version, withdraw(found.permit, user, desk))
    desk.note(user, "withdraw a permit", f"model {route}/{model}", f"version {found.version}, {found.digest}")

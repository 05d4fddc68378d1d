"""Allowing a version that the scanner refuses, and withdrawing that; for administrators."""

from fastapi import APIRouter

from airgate_web.api.access import Asking, AtDesk
from airgate_web.api.judged import show_version
from airgate_web.api.shapes.models import JudgedVersionAnswer, PermitBody
from airgate_web.services.permits import allow_version, withdraw_permit

router = APIRouter(prefix="/projects/{route}/models/{model}/versions/{version}")


@router.post("/permit", status_code=201)
def make_permit(
    route: str, model: str, version: str, body: PermitBody, desk: AtDesk, user: Asking
) -> JudgedVersionAnswer:
    """Have this version opened though the scanner refuses it, behind the same lock. The reason is kept."""
    return show_version(desk, allow_version(desk, user, route, model, version, body.digest, body.reason))


@router.delete("/permit", status_code=204)
def delete_permit(route: str, model: str, version: str, desk: AtDesk, user: Asking) -> None:
    """Refuse new tests and deployments of this version again; what is deployed runs on."""
    withdraw_permit(desk, user, route, model, version)

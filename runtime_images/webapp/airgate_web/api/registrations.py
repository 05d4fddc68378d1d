"""Registering a model that is a folder, where it lies."""

from fastapi import APIRouter

from airgate_web.api.access import Asking, AtDesk
from airgate_web.api.shapes.models import RegistrationBody, VersionAnswer
from airgate_web.services.folders import register_model

router = APIRouter()


@router.post("/projects/{route}/registrations", status_code=201)
def register_folder(route: str, body: RegistrationBody, desk: AtDesk, user: Asking) -> VersionAnswer:
    """Make a folder, by its path and its manifest's digest, the next version of a model; nothing is copied."""
    made = register_model(desk, user, route, body.name, body.path, body.digest, body.description)
    return VersionAnswer.model_validate(made)

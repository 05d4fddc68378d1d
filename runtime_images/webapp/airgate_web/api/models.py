"""Models and their versions; uploading one is in uploads.py."""

from fastapi import APIRouter

from airgate_web.api.access import Asking, AtDesk
from airgate_web.api.judged import show_version
from airgate_web.api.shapes.models import JudgedVersionAnswer, ModelAnswer, VersionAnswer
from airgate_web.services.models import find_model, find_version, list_models, list_versions, remove_model

router = APIRouter(prefix="/projects/{route}/models")


@router.get("")
def read_models(route: str, desk: AtDesk, _user: Asking) -> list[ModelAnswer]:
    """A project's models by name."""
    return [ModelAnswer.model_validate(model) for model in list_models(desk, route)]


@router.get("/{model}")
def read_model(route: str, model: str, desk: AtDesk, _user: Asking) -> ModelAnswer:
    """One model with its newest version."""
    return ModelAnswer.model_validate(find_model(desk, route, model))


@router.delete("/{model}", status_code=204)
def delete_model(route: str, model: str, desk: AtDesk, user: Asking) -> None:
    """Remove a model with all versions; refused while a deployment uses it."""
    remove_model(desk, user, route, model)


@router.get("/{model}/versions")
def read_versions(route: str, model: str, desk: AtDesk, _user: Asking) -> list[VersionAnswer]:
    """A model's versions, newest first."""
    return [VersionAnswer.model_validate(version) for version in list_versions(desk, route, model)]


@router.get("/{model}/versions/{version}")
def read_version(route: str, model: str, version: str, desk: AtDesk, _user: Asking) -> JudgedVersionAnswer:
    """One version, by its number or "latest"; `warnings`: what may differ in which runtime."""
    return show_version(desk, find_version(desk, route, model, version))

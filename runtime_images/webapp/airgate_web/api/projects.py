"""Projects."""

from fastapi import APIRouter

from airgate_web.api.access import Asking, AtDesk
from airgate_web.api.shapes.people import ProjectAnswer, ProjectBody
from airgate_web.services.projects import create_project, find_project, list_projects, remove_project

router = APIRouter()


@router.get("/projects")
def read_projects(desk: AtDesk, _user: Asking) -> list[ProjectAnswer]:
    """All projects by route."""
    return [ProjectAnswer.model_validate(project) for project in list_projects(desk)]


@router.post("/projects", status_code=201)
def make_project(body: ProjectBody, desk: AtDesk, user: Asking) -> ProjectAnswer:
    """Make a project."""
    return ProjectAnswer.model_validate(create_project(desk, user, body.name, body.route, body.description))


@router.get("/projects/{route}")
def read_project(route: str, desk: AtDesk, _user: Asking) -> ProjectAnswer:
    """One project."""
    return ProjectAnswer.model_validate(find_project(desk, route))


@router.delete("/projects/{route}", status_code=204)
def delete_project(route: str, desk: AtDesk, user: Asking) -> None:
    """Remove a project with its models; refused while it has deployments."""
    remove_project(desk, user, route)

"""Projects: the folders for models and deployments."""

from collections.abc import Sequence

from airgate_web.domain.errors import Conflict, NotFound
from airgate_web.domain.names import read_route, read_text, read_title
from airgate_web.domain.project import Project
from airgate_web.domain.user import User
from airgate_web.services.desk import Desk


def create_project(desk: Desk, user: User, name: str, route: str, description: str = "") -> Project:
    """Make a project. name: for people; route: for addresses, never changes. Invalid or Conflict otherwise."""
    wish = Project(
        id=0,
        name=read_title("Project name", name),
        route=read_route("Project route", route),
        description=read_text("Description", description),
        created=desk.clock.now(),
        created_by=user.name,
    )
    project = desk.store.add_project(wish)
    desk.note(user, "create", f"project {route}")
    return project


def list_projects(desk: Desk) -> Sequence[Project]:
    """Return all projects by route."""
    return desk.store.list_projects()


def find_project(desk: Desk, route: str) -> Project:
    """Return a project; NotFound when there is none of that route."""
    project = desk.store.find_project(route)
    if project is None:
        raise NotFound(f"There is no project '{route}'.", "Choose one of the list of projects.")
    return project


def remove_project(desk: Desk, user: User, route: str) -> None:
    """Remove a project with its models; Conflict, naming one, while it has deployments."""
    find_project(desk, route)
    used = desk.store.list_deployments(route)
    if used:
        raise Conflict(
            f"The project '{route}' still has the deployment '{used[0].name}'"
            + (f" and {len(used) - 1} more." if len(used) > 1 else "."),
            "Delete its deployments first.",
        )
    desk.store.remove_project(route, desk.clock.now())
    desk.note(user, "remove", f"project {route}")

"""Projects, and what goes with them when they go."""

import dataclasses
import datetime
from collections.abc import Sequence

from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from airgate_web.adapters.store_sql.engine import Door, count_up
from airgate_web.adapters.store_sql.rows import read_project
from airgate_web.adapters.store_sql.tables import deployments, projects, tokens
from airgate_web.domain.errors import Conflict, NotFound
from airgate_web.domain.project import Project


class Projects(Door):
    """The part of the Store about projects."""

    def add_project(self, project: Project) -> Project:
        """Keep it under a new id and return it so; Conflict when the route is taken."""
        row = {
            "name": project.name,
            "route": project.route,
            "description": project.description,
            "created": project.created,
            "created_by": project.created_by,
        }
        with self._write("wish") as connection:
            try:
                done = connection.execute(projects.insert().values(row).returning(projects.c.id))
            except IntegrityError:
                raise Conflict(f"There is a project '{project.route}' already.", "Choose another route.") from None
            return dataclasses.replace(project, id=done.scalar_one())

    def find_project(self, route: str) -> Project | None:
        """Return a project or None."""
        with self._read() as connection:
            row = connection.execute(select(projects).where(projects.c.route == route)).first()
            return read_project(row) if row else None

    def list_projects(self) -> Sequence[Project]:
        """Return all projects by route."""
        with self._read() as connection:
            return [read_project(row) for row in connection.execute(select(projects).order_by(projects.c.route))]

    def remove_project(self, route: str, at: datetime.datetime) -> None:
        """Remove it with its models and deployments, and revoke their tokens as of `at`."""
        with self._write() as connection:
            found = connection.execute(select(projects.c.id).where(projects.c.route == route)).scalar()
            if found is None:
                return
            gone = select(deployments.c.id).where(deployments.c.project_id == found)
            revoke = tokens.update().where(tokens.c.deployment_id.in_(gone), tokens.c.revoked.is_(None))
            connection.execute(revoke.values(revoked=at))
            connection.execute(projects.delete().where(projects.c.id == found))
            count_up(connection, "wish")


def hold_project(connection: Connection, route: str) -> int:
    """Return a project's id and hold its row until the transaction ends; NotFound when there is none.

    Held, so that two who add to one project get different version numbers, and nobody removes it meanwhile.
    """
    found = connection.execute(select(projects.c.id).where(projects.c.route == route).with_for_update()).scalar()
    if found is None:
        raise NotFound(f"There is no project '{route}'.", "Choose one of the list of projects.")
    return int(found)

"""Deployments: the wishes, the tokens that may call them, and the facts beside them."""

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.exc import IntegrityError

from airgate_web.adapters.store_sql.engine import Door, count_up
from airgate_web.adapters.store_sql.projects import hold_project
from airgate_web.adapters.store_sql.rows import read_deployment, read_token, write_deployment
from airgate_web.adapters.store_sql.tables import deployments, observations, projects, statuses, tokens
from airgate_web.domain.deployment import Deployment, DeploymentStatus, Token
from airgate_web.domain.errors import Conflict, NotFound
from airgate_web.domain.plain import make_plain, read_plain
from airgate_web.domain.workload import Observation


class Deployments(Door):
    """The part of the Store about wishes to deploy."""

    def add_deployment(self, deployment: Deployment) -> Deployment:
        """Keep it under a new id, generation 1, and return it so; Conflict when the name is taken."""
        with self._write("wish") as connection:
            row = write_deployment(deployment) | {
                "project_id": hold_project(connection, deployment.route),
                "name": deployment.name,
                "generation": 1,
                "created": deployment.created,
                "created_by": deployment.created_by,
            }
            try:
                done = connection.execute(deployments.insert().values(row).returning(deployments.c.id))
            except IntegrityError:
                raise Conflict(
                    f"There is a deployment '{deployment.owner}' already.", "Choose another name, or change that one."
                ) from None
            return dataclasses.replace(deployment, id=done.scalar_one(), generation=1)

    def change_deployment(self, deployment: Deployment) -> Deployment:
        """Replace the wish of that id, with the next generation, and return it so; NotFound when it is gone."""
        change = deployments.update().where(deployments.c.id == deployment.id)
        change = change.values(generation=deployments.c.generation + 1, **write_deployment(deployment))
        with self._write("wish") as connection:
            generation = connection.execute(change.returning(deployments.c.generation)).scalar()
            if generation is None:
                raise NotFound(f"There is no deployment '{deployment.owner}' any more.")
            return dataclasses.replace(deployment, generation=generation)

    def find_deployment(self, route: str, name: str) -> Deployment | None:
        """Return a deployment or None."""
        with self._read() as connection:
            query = select_deployments(projects.c.route == route, deployments.c.name == name)
            row = connection.execute(query).first()
            return read_deployment(row) if row else None

    def list_deployments(self, route: str | None = None) -> Sequence[Deployment]:
        """Return the deployments of a project, or all of them, by project and name."""
        conditions = [] if route is None else [projects.c.route == route]
        with self._read() as connection:
            return [read_deployment(row) for row in connection.execute(select_deployments(*conditions))]

    def remove_deployment(self, route: str, name: str, at: datetime.datetime) -> None:
        """Remove wish and facts, and revoke its tokens as of `at`."""
        with self._write() as connection:
            row = connection.execute(select_deployments(projects.c.route == route, deployments.c.name == name)).first()
            if row is None:
                return
            revoke = tokens.update().where(tokens.c.deployment_id == row.id, tokens.c.revoked.is_(None))
            connection.execute(revoke.values(revoked=at))
            connection.execute(deployments.delete().where(deployments.c.id == row.id))
            count_up(connection, "wish")


class Facts(Door):
    """The part of the Store that the reconciler writes."""

    def write_status(self, deployment_id: int, status: DeploymentStatus) -> None:
        """Keep a status; nothing happens when the deployment is gone, or when only `updated` differs."""
        body = make_plain(status)
        with self._write() as connection:
            wanted = select(deployments.c.id).where(deployments.c.id == deployment_id).with_for_update()
            if connection.execute(wanted).scalar() is None:
                return
            query = select(statuses.c.body).where(statuses.c.deployment_id == deployment_id)
            last = connection.execute(query).scalar()
            if last is not None and {**last, "updated": None} == {**body, "updated": None}:
                return
            connection.execute(statuses.delete().where(statuses.c.deployment_id == deployment_id))
            connection.execute(statuses.insert().values(deployment_id=deployment_id, body=body))
            count_up(connection, "fact")

    def find_status(self, deployment_id: int) -> DeploymentStatus | None:
        """Return the status of a deployment or None."""
        query = select(statuses.c.body).where(statuses.c.deployment_id == deployment_id)
        with self._read() as connection:
            body = connection.execute(query).scalar()
            return None if body is None else read_plain(DeploymentStatus, body)

    def write_observation(self, observation: Observation, at: datetime.datetime) -> None:
        """Keep the last observation."""
        with self._write() as connection:
            connection.execute(observations.delete())
            connection.execute(observations.insert().values(id=1, body=make_plain(observation), at=at))

    def find_observation(self) -> tuple[Observation, datetime.datetime] | None:
        """Return the last observation and when it was made, or None before the first."""
        with self._read() as connection:
            row = connection.execute(select(observations)).first()
            return None if row is None else (read_plain(Observation, row.body), row.at)


class Tokens(Door):
    """The part of the Store about deployment tokens."""

    def add_token(self, token: Token) -> None:
        """Keep a token; NotFound when its deployment is gone."""
        wanted = select(deployments.c.id).where(deployments.c.id == token.deployment_id).with_for_update()
        row = {field.name: getattr(token, field.name) for field in dataclasses.fields(token)}
        with self._write("wish") as connection:
            if connection.execute(wanted).scalar() is None:
                raise NotFound("The deployment of this token is gone.", "Choose one of the list of deployments.")
            connection.execute(tokens.insert().values(row))

    def list_tokens(self, deployment_id: int) -> Sequence[Token]:
        """Return the tokens of a deployment, newest first."""
        query = select(tokens).where(tokens.c.deployment_id == deployment_id)
        with self._read() as connection:
            rows = connection.execute(query.order_by(tokens.c.created.desc(), tokens.c.id))
            return [read_token(row) for row in rows]

    def revoke_token(self, token_id: str, at: datetime.datetime) -> None:
        """Mark a token as revoked; one that is revoked already keeps its time."""
        change = tokens.update().where(tokens.c.id == token_id, tokens.c.revoked.is_(None))
        with self._write() as connection:
            if connection.execute(change.values(revoked=at)).rowcount:
                count_up(connection, "wish")

    def list_revoked(self) -> Sequence[Token]:
        """Return every revoked token, those of removed deployments and expired ones included."""
        query = select(tokens).where(tokens.c.revoked.is_not(None)).order_by(tokens.c.id)
        with self._read() as connection:
            return [read_token(row) for row in connection.execute(query)]


def select_deployments(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the query of deployments with their project's route, by project and name."""
    joined = deployments.join(projects)
    query = select(deployments, projects.c.route).select_from(joined).where(*conditions)
    return query.order_by(projects.c.route, deployments.c.name)

"""Models, their versions, and the runtimes they run in."""

import dataclasses
from collections.abc import Sequence
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select, union

from airgate_web.adapters.store_sql.engine import Door, count_up
from airgate_web.adapters.store_sql.jobs import read_job, select_jobs
from airgate_web.adapters.store_sql.projects import hold_project
from airgate_web.adapters.store_sql.rows import read_runtime, read_version, write_version
from airgate_web.adapters.store_sql.tables import datasets, deployments, projects, runtimes, versions
from airgate_web.domain.errors import Conflict, NotFound
from airgate_web.domain.model import Model, ModelVersion, Permit
from airgate_web.domain.plain import make_plain
from airgate_web.domain.runtime import Runtime


class Models(Door):
    """The part of the Store about models."""

    def add_version(self, version: ModelVersion) -> ModelVersion:
        """Keep it as the next version of its name and return it so; NotFound when there is no such project."""
        with self._write("wish") as connection:
            project = hold_project(connection, version.project)
            number = find_last(connection, project, version.model) + 1
            row = {**write_version(version), "project_id": project, "version": number}
            connection.execute(versions.insert().values(row))
            return dataclasses.replace(version, version=number)

    def find_version(self, route: str, model: str, version: int) -> ModelVersion | None:
        """Return one version or None."""
        with self._read() as connection:
            row = connection.execute(
                select_versions(projects.c.route == route, versions.c.model == model, versions.c.version == version)
            ).first()
            return read_version(row) if row else None

    def find_model(self, route: str, model: str) -> Model | None:
        """Return a model or None."""
        found = self.list_versions(route, model)
        return Model(route, model, found[0], len(found)) if found else None

    def list_models(self, route: str) -> Sequence[Model]:
        """Return a project's models by name."""
        with self._read() as connection:
            rows = connection.execute(select_versions(projects.c.route == route))
            return group_models([read_version(row) for row in rows])

    def list_versions(self, route: str, model: str) -> Sequence[ModelVersion]:
        """Return the versions of a model, newest first."""
        with self._read() as connection:
            rows = connection.execute(select_versions(projects.c.route == route, versions.c.model == model))
            return [read_version(row) for row in rows]

    def put_permit(self, route: str, model: str, version: int, permit: Permit) -> None:
        """Keep a version's permit, in place of the one it has; NotFound when there is no such version."""
        project = select(projects.c.id).where(projects.c.route == route).scalar_subquery()
        meant = (versions.c.project_id == project, versions.c.model == model, versions.c.version == version)
        with self._write("wish") as connection:
            change = versions.update().where(*meant).values(permit=make_plain(permit))
            if not connection.execute(change).rowcount:
                raise NotFound(f"There is no version {version} of the model '{model}' any more.")

    def remove_model(self, route: str, model: str) -> None:
        """Remove all versions of a model."""
        project = select(projects.c.id).where(projects.c.route == route).scalar_subquery()
        with self._write() as connection:
            done = connection.execute(
                versions.delete().where(versions.c.project_id == project, versions.c.model == model)
            )
            if done.rowcount:
                count_up(connection, "wish")

    def list_digests(self) -> frozenset[str]:
        """Return the digests that a version, a data set, a deployment, an open job or a job's result still names."""
        named = union(*(select(table.c.digest) for table in (versions, datasets, deployments)))
        with self._read() as connection:
            others = chain.from_iterable(connection.scalars(select(deployments.c.others)))
            found = frozenset(connection.scalars(named)) | {model["digest"] for model in others}
            of_jobs = (read_job(row).digests for row in connection.execute(select_jobs()))
            return found.union(*of_jobs) - {""}


class Runtimes(Door):
    """The part of the Store about runtimes."""

    def put_runtime(self, runtime: Runtime) -> None:
        """Keep it under its slug, in place of one that is there; the same once more changes nothing."""
        try:
            self._put_runtime(runtime)
        except Conflict:  # another process put one at the same time: now there is one to replace
            self._put_runtime(runtime)

    def _put_runtime(self, runtime: Runtime) -> None:
        same = runtimes.c.slug == runtime.slug
        with self._write() as connection:
            row = connection.execute(select(runtimes).where(same).with_for_update()).first()
            if row is not None and read_runtime(row) == runtime:
                return
            change = runtimes.insert() if row is None else runtimes.update().where(same)
            connection.execute(change.values(make_plain(runtime)))
            count_up(connection, "wish")

    def find_runtime(self, slug: str) -> Runtime | None:
        """Return a runtime or None."""
        with self._read() as connection:
            row = connection.execute(select(runtimes).where(runtimes.c.slug == slug)).first()
            return read_runtime(row) if row else None

    def list_runtimes(self) -> Sequence[Runtime]:
        """Return all runtimes by name."""
        with self._read() as connection:
            return [read_runtime(row) for row in connection.execute(select(runtimes).order_by(runtimes.c.name))]


def select_versions(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the query of versions with their project's route: by model, newest first."""
    joined = versions.join(projects)
    query = select(versions, projects.c.route).select_from(joined).where(*conditions)
    return query.order_by(versions.c.model, versions.c.version.desc())


def find_last(connection: Connection, project: int, model: str) -> int:
    """Return the highest version number of a model, 0 when there is none."""
    query = select(func.max(versions.c.version)).where(versions.c.project_id == project, versions.c.model == model)
    return int(connection.execute(query).scalar() or 0)


def group_models(found: Sequence[ModelVersion]) -> Sequence[Model]:
    """Return models from versions that are ordered by model, newest first."""
    grouped: dict[str, list[ModelVersion]] = {}
    for version in found:
        grouped.setdefault(version.model, []).append(version)
    return [Model(group[0].project, name, group[0], len(group)) for name, group in grouped.items()]

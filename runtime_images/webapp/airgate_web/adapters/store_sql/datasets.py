"""Data sets."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.exc import IntegrityError

from airgate_web.adapters.store_sql.engine import Door, count_up
from airgate_web.adapters.store_sql.projects import hold_project
from airgate_web.adapters.store_sql.rows import read_dataset, write_dataset
from airgate_web.adapters.store_sql.tables import datasets, projects
from airgate_web.domain.dataset import DataSet
from airgate_web.domain.errors import Conflict


class DataSets(Door):
    """The part of the Store about data sets."""

    def add_dataset(self, dataset: DataSet) -> None:
        """Keep it; Conflict when the name is taken, NotFound when there is no such project."""
        with self._write("wish") as connection:
            row = {**write_dataset(dataset), "project_id": hold_project(connection, dataset.project)}
            try:
                connection.execute(datasets.insert().values(row))
            except IntegrityError:
                raise Conflict(
                    f"There is a data set '{dataset.name}' already in project '{dataset.project}'.",
                    "Choose another name, or delete that one first.",
                ) from None

    def find_dataset(self, route: str, name: str) -> DataSet | None:
        """Return a data set or None."""
        with self._read() as connection:
            row = connection.execute(select_datasets(projects.c.route == route, datasets.c.name == name)).first()
            return read_dataset(row) if row else None

    def list_datasets(self, route: str) -> Sequence[DataSet]:
        """Return a project's data sets by name."""
        with self._read() as connection:
            return [read_dataset(row) for row in connection.execute(select_datasets(projects.c.route == route))]

    def remove_dataset(self, route: str, name: str) -> None:
        """Remove a data set."""
        project = select(projects.c.id).where(projects.c.route == route).scalar_subquery()
        with self._write() as connection:
            done = connection.execute(
                datasets.delete().where(datasets.c.project_id == project, datasets.c.name == name)
            )
            if done.rowcount:
                count_up(connection, "wish")


def select_datasets(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the query of data sets with their project's route, by name."""
    joined = datasets.join(projects)
    return select(datasets, projects.c.route).select_from(joined).where(*conditions).order_by(datasets.c.name)

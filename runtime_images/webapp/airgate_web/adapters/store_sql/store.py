"""The whole Store: its parts on one engine, and the change notices."""

from sqlalchemy import select

from airgate_web.adapters.store_sql.datasets import DataSets
from airgate_web.adapters.store_sql.deployments import Deployments, Facts, Tokens
from airgate_web.adapters.store_sql.gateways import Gateways
from airgate_web.adapters.store_sql.jobs import Jobs
from airgate_web.adapters.store_sql.models import Models, Runtimes
from airgate_web.adapters.store_sql.people import People
from airgate_web.adapters.store_sql.projects import Projects
from airgate_web.adapters.store_sql.tables import counters


class SqlStore(People, Projects, Models, DataSets, Runtimes, Deployments, Facts, Jobs, Gateways, Tokens):
    """Keeps the Store protocol; safe in several threads, and on one database in several processes."""

    def find_wish_number(self) -> int:
        """Return a number that grows with every change of a wish, a runtime or a token."""
        return self._find_number("wish")

    def find_fact_number(self) -> int:
        """Return a number that grows with every change of a status or of a gateway's report."""
        return self._find_number("fact")

    def _find_number(self, notice: str) -> int:
        with self._read() as connection:
            return int(connection.execute(select(counters.c.value).where(counters.c.name == notice)).scalar_one())

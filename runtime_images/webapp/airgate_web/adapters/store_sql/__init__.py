"""The Store in a relational database: SQLite for one machine, PostgreSQL for several replicas.

Domain objects come in and go out; SQL stays here. `open_store` brings the database to the newest schema first, safe
when several processes start at once. What the rows mean is left to the services and the reconciler.
"""

from airgate_web.adapters.store_sql.engine import open_engine
from airgate_web.adapters.store_sql.schema import migrate
from airgate_web.adapters.store_sql.store import SqlStore

__all__ = ["SqlStore", "open_store"]


def open_store(url: str) -> SqlStore:
    """Open the database at `url`, migrate it and return its Store.

    url: "sqlite:////absolute/path.db" or "postgresql+psycopg://user:password@host/name". Raises Unavailable when it
    does not answer.
    """
    engine = open_engine(url)
    migrate(engine)
    return SqlStore(engine)

"""Brings a database to the newest schema, once, however many processes start at the same time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from airgate_web.adapters.store_sql.engine import WRITES, explain_failures

MIGRATIONS = Path(__file__).parent / "migrations"
ADVISORY_LOCK = 0x41495247  # any number, the same in every process


def migrate(engine: Engine) -> None:
    """Apply the migrations that are missing, in one transaction; Unavailable when the database does not answer."""
    with explain_failures(), hold_file(engine):
        if engine.dialect.name == "sqlite":
            turn_wal_on(engine)
        with engine.connect() as plain:
            connection = plain.execution_options(**{WRITES: True})
            with connection.begin():
                hold_server(connection)
                command.upgrade(make_config(connection), "head")


def make_config(connection: Connection) -> Config:
    """Return Alembic's configuration for one connection; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def turn_wal_on(engine: Engine) -> None:
    """Let readers read while one writes. Kept in the file; must stand outside a transaction."""
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        raw.close()


@contextmanager
def hold_file(engine: Engine) -> Iterator[None]:
    """Hold a lock file beside a SQLite file: turning WAL on does not wait for others by itself."""
    if engine.dialect.name != "sqlite":
        yield
        return
    with Path(f"{engine.url.database}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def hold_server(connection: Connection) -> None:
    """Hold PostgreSQL's advisory lock until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})

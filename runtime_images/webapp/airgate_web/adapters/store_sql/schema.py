"""Brings a database to the newest schema, once, however many processes start at the same time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from airgate_web.adapters.store_sql.engine import WRITES, explain_failures
from airgate_web.domain.errors import Invalid

MIGRATIONS = Path(__file__).parent / "migrations"
ADVISORY_LOCK = 0x41495247  # any number, the same in every process


def migrate(engine: Engine) -> None:
    """Apply the migrations that are missing, in one transaction.

    Raises Unavailable when the database does not answer, Invalid when a newer Airgate has written it.
    """
    with explain_failures(), hold_file(engine):
        if engine.dialect.name == "sqlite":
            turn_wal_on(engine)
        with engine.connect() as plain:
            connection = plain.execution_options(**{WRITES: True})
            with connection.begin():
                hold_server(connection)
                if find_revision(connection) != find_revisions()[-1]:
                    upgrade(connection)


def find_revisions() -> list[str]:
    """Return every revision that this Airgate knows, oldest first: `0002` of `versions/v0002_datasets.py`."""
    return sorted(path.name[1:5] for path in (MIGRATIONS / "versions").glob("v????_*.py"))


def find_revision(connection: Connection) -> str:
    """Return the revision that the database has, "" for a new one; Invalid when it is not one of ours."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""
    known = find_revisions()
    if revision and revision not in known:
        raise Invalid(
            f"The database has the schema of a newer Airgate ({revision}; this one knows up to {known[-1]}).",
            "Start that version again, or restore the backup that was made before the upgrade.",
        )
    return str(revision)


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Apply what is missing. Alembic comes in here alone: a second of every start is saved when nothing is missing."""
    from alembic import command
    from alembic.config import Config

    config = Config()  # there is no alembic.ini
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


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

"""Connections: how SQLite and PostgreSQL are opened, and what a transaction is on each."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from airgate_kit import logs
from airgate_web.adapters.store_sql.tables import counters
from airgate_web.domain.errors import Conflict, Invalid, Unavailable

BUSY_TIMEOUT = 20_000  # milliseconds a SQLite connection waits for another process's write
POOL_SIZE, POOL_OVERFLOW = 10, 20  # connections; a PostgreSQL server takes 100 unless told otherwise
CONNECT_TIMEOUT = 10  # seconds until a PostgreSQL server that does not answer is given up
WRITES = "airgate_writes"  # execution option of a connection whose transaction writes

log = logs.get("airgate_web.store")


def open_engine(url: str) -> Engine:
    """Return an engine for a SQLite or PostgreSQL URL; Invalid for any other."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise Invalid("The database URL cannot be read.", "Write sqlite:////path or postgresql+psycopg://…") from None
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        return open_sqlite(url, Path(parsed.database))
    if parsed.drivername == "postgresql+psycopg":
        return create_engine(
            url,
            hide_parameters=True,  # what is written, secrets and people's data among it, is none of our log's
            pool_pre_ping=True,  # a restarted server costs no request an error
            pool_size=POOL_SIZE,
            max_overflow=POOL_OVERFLOW,
            connect_args={"connect_timeout": CONNECT_TIMEOUT},
        )
    raise Invalid(
        f"The database '{parsed.drivername}' is not one that can be used.",
        "Write sqlite:////path/store.db or postgresql+psycopg://user:password@host/name.",
    )


def open_sqlite(url: str, path: Path) -> Engine:
    """Return an engine on a SQLite file that its owner alone can read: it holds password hashes and gate secrets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    engine = create_engine(url, pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW, hide_parameters=True)
    event.listen(engine, "connect", prepare_sqlite)
    event.listen(engine, "begin", begin_sqlite)
    return engine


def prepare_sqlite(connection: Any, _record: object) -> None:
    """Make a new connection wait for others, keep foreign keys, and leave transactions to `begin_sqlite`."""
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT}")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=FULL")  # a power cut takes no answered wish away


def begin_sqlite(connection: Connection) -> None:
    """Begin a transaction; a writing one takes the lock at once, since a reader that turns writer can be refused."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def explain_failures() -> Iterator[None]:
    """Turn what the database says into refusals: Unavailable when it does not answer, Conflict for a taken name."""
    try:
        yield
    except IntegrityError as error:
        raise Conflict("Somebody else changed the same thing at the same time.", "Look again and repeat.") from error
    except (DBAPIError, PoolTimeout) as error:
        log.warning("database refused", extra={"fields": {"error": str(error)}})
        raise Unavailable(
            "The database does not answer.", "Try again; if it stays so, look at the database and the free disk space."
        ) from error


class Door:
    """Reading and writing transactions of one engine; what every part of the Store stands on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        """Give a connection in one transaction that only reads."""
        with explain_failures(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _write(self, notice: str = "") -> Iterator[Connection]:
        """Give a connection in one writing transaction; it counts up `notice` ("wish" or "fact") when it commits."""
        with explain_failures(), self._engine.connect() as connection:
            connection = connection.execution_options(**{WRITES: True})
            with connection.begin():
                yield connection
                if notice:
                    count_up(connection, notice)


def count_up(connection: Connection, notice: str) -> None:
    """Count a change notice up within the transaction of the change itself."""
    connection.execute(counters.update().where(counters.c.name == notice).values(value=counters.c.value + 1))

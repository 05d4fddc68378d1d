"""What the suites of the Store run on: each kind of database, empty, and nothing of it left."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import NullPool, create_engine, text

from airgate_web.adapters.store_sql import open_store
from airgate_web.ports import Store
from tests.fakes import postgres
from tests.fakes.store_memory import MemoryStore


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    """The URL of a throwaway PostgreSQL server."""
    assert postgres.is_installed(), "PostgreSQL is not here: apt-get install postgresql-15"
    with postgres.run_postgres() as url:
        yield url


@contextmanager
def make_database(request: pytest.FixtureRequest, kind: str) -> Iterator[str]:
    """Yield the URL of an empty database and leave nothing of it."""
    if kind == "sqlite":
        yield f"sqlite:///{request.getfixturevalue('tmp_path')}/store.db"
        return
    url = request.getfixturevalue("postgres_url")
    admin = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE suite"))
    yield url.replace("/postgres?", "/suite?")
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE suite WITH (FORCE)"))


SQL_KINDS = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
on_sql = pytest.mark.parametrize("sql_url", SQL_KINDS, indirect=True)


@pytest.fixture
def sql_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty database of the kind the test is parametrized with."""
    with make_database(request, request.param) as url:
        yield url


@pytest.fixture(params=["memory", *SQL_KINDS])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Each kind of Store, empty."""
    if request.param == "memory":
        yield MemoryStore()
        return
    with make_database(request, request.param) as url:
        opened = open_store(url)
        yield opened
        opened.close()

"""One suite for every Store: several at once, restarts, migrations, and a database that is none."""

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import JSON, Connection, MetaData, NullPool, create_engine, text

from airgate_web.adapters.store_sql import open_store
from airgate_web.adapters.store_sql.engine import open_engine
from airgate_web.adapters.store_sql.schema import upgrade
from airgate_web.adapters.store_sql.tables import metadata
from airgate_web.domain.deployment import DeploymentStatus
from airgate_web.domain.errors import Invalid, Unavailable
from airgate_web.domain.job_log import JobLog
from airgate_web.domain.plain import make_plain
from airgate_web.domain.workload import ReplicaState
from tests.contracts.conftest import make_database, on_sql
from tests.fakes.samples import (
    NOON,
    make_deployment,
    make_job,
    make_project,
    make_runtime,
    make_status,
    make_version,
)


def test_versions_published_at_the_same_time_get_different_numbers(store):
    """Two people who upload under one name at once get two versions."""
    store.add_project(make_project())
    run_together(*[lambda: store.add_version(make_version())] * 8)
    assert [version.version for version in store.list_versions("qc", "digits")] == [8, 7, 6, 5, 4, 3, 2, 1]


def test_a_runtime_put_by_several_at_once_is_there_once(store):
    """Replicas of the web process that start together do not stop each other."""
    run_together(*[lambda: store.put_runtime(make_runtime())] * 6)
    assert list(store.list_runtimes()) == [make_runtime()]


def test_readers_and_writers_do_not_refuse_each_other(store):
    """Pages, API and reconciler use one store at the same time."""
    store.add_project(make_project())
    kept = store.add_deployment(make_deployment())
    run_together(
        *[lambda: [store.write_status(kept.id, make_status(ready=n)) for n in range(10)]] * 3,
        *[lambda: [store.find_status(kept.id) for _ in range(10)]] * 3,
        lambda: [store.change_deployment(kept) for _ in range(10)],
    )
    assert store.find_deployment("qc", "live").generation == 11


@on_sql
def test_what_a_database_refuses_is_not_in_our_log(sql_url, caplog):
    """A full disk puts neither a secret nor a line that a model printed where everybody looks."""
    opened = open_store(sql_url)
    opened.add_project(make_project())
    job = opened.add_job(make_job())
    with opened._write() as connection:
        connection.execute(text("ALTER TABLE job_logs RENAME COLUMN text TO lost"))
    with caplog.at_level("WARNING"), pytest.raises(Unavailable):
        opened.write_job_log(job.id, JobLog("a row of somebody's", NOON))
    opened.close()
    assert "database refused" in caplog.text
    said = "".join(str(vars(record)) for record in caplog.records)
    assert "job_logs" in said and "somebody" not in said


@on_sql
def test_several_processes_may_start_at_once(sql_url):
    """Web and reconciler start together on an empty database, and both find it ready."""
    opened = []
    run_together(*[lambda: opened.append(open_store(sql_url))] * 4)
    opened[0].add_project(make_project())
    assert [store.find_project("qc").route for store in opened] == ["qc"] * 4
    for store in opened:
        store.close()


@on_sql
def test_the_migrations_lead_to_the_tables(sql_url):
    """A new database and one that was upgraded step by step are alike."""
    open_store(sql_url).close()
    engine = create_engine(sql_url, poolclass=NullPool)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


@on_sql
def test_an_upgrade_keeps_ready_what_was_ready(sql_url):
    """The gateways of before report nothing yet; until the first does, what answered is held to go on answering."""
    engine = open_engine(sql_url)
    with engine.begin() as connection:
        upgrade(connection, "0004")
        write_deployments(connection, live=make_status(), waits=make_status(state=ReplicaState.WAITING))
    engine.dispose()
    upgraded = open_store(sql_url)
    assert [report.reached for report in upgraded.list_reports()] == [{"qc/live": ("127.0.0.1:20001",)}]
    upgraded.close()


def write_deployments(connection: Connection, **statuses: DeploymentStatus) -> None:
    """Write a project with deployments and their statuses by name, as the schema of that moment has them."""
    then = MetaData()
    then.reflect(connection)
    table = then.tables["projects"]
    words = {"name": "Quality", "route": "qc", "description": "", "created": NOON.replace(tzinfo=None)}
    connection.execute(table.insert().values(id=1, created_by="ada", **words))
    for number, (name, status) in enumerate(statuses.items(), 1):
        row = {column.name: {} if isinstance(column.type, JSON) else 1 for column in then.tables["deployments"].c}
        row |= {"id": number, "project_id": 1, "name": name, "created": NOON.replace(tzinfo=None)}
        texts = dict.fromkeys(("digest", "runtime", "image", "created_by", "gate_secret"), "")
        connection.execute(then.tables["deployments"].insert().values(row | texts))
        connection.execute(then.tables["statuses"].insert().values(deployment_id=number, body=make_plain(status)))


@on_sql
def test_a_store_finds_everything_again(sql_url):
    """A restart loses nothing."""
    first = open_store(sql_url)
    first.add_project(make_project())
    kept = first.add_deployment(make_deployment())
    first.close()
    second = open_store(sql_url)
    assert list(second.list_deployments()) == [kept]
    second.close()


@pytest.mark.postgres
def test_a_restarted_database_costs_no_request(request):
    """Connections that the server has closed are opened again by themselves."""
    with make_database(request, "postgres") as url:
        store = open_store(url)
        store.add_project(make_project())
        server = create_engine(url, poolclass=NullPool)
        with server.connect() as connection:
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            connection.execute(text(f"{others} AND pid <> pg_backend_pid()"))
        assert [project.route for project in store.list_projects()] == ["qc"]
        store.close()


def test_a_database_that_is_none_is_refused_in_a_sentence(tmp_path):
    """A wrong setting says what to write."""
    for url in ("mysql://x/y", "store.db", ""):
        with pytest.raises(Invalid, match="database"):
            open_store(url)
    with pytest.raises(Unavailable, match="database"):
        open_store(f"postgresql+psycopg://ada@/none?host={tmp_path}")


def run_together(*deeds) -> None:
    """Run every deed in a thread of its own; raise what one of them raised."""
    failures = []

    def run(deed):
        try:
            deed()
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=run, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures

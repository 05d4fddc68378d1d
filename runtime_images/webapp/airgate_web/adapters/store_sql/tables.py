"""The tables. A change here needs a migration in migrations/versions; a test compares the two."""

import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class UtcTime(TypeDecorator[datetime.datetime]):
    """A time in UTC: kept without a zone, because SQLite knows none; aware on both sides."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime.datetime | None, dialect: Dialect) -> datetime.datetime | None:  # noqa: ARG002
        """Drop the zone after moving to UTC."""
        return None if value is None else value.astimezone(datetime.UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime.datetime | None:  # noqa: ARG002
        """Say that it is UTC."""
        return None if value is None else value.replace(tzinfo=datetime.UTC)


# Constraints have names, so that a later migration can drop them.
metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def project_column() -> Column[int]:
    """Return the column of a row that goes with its project."""
    return Column("project_id", Integer, ForeignKey("projects.id", ondelete="CASCADE"), nullable=False)


users = Table(
    "users",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created", UtcTime, nullable=False),
)

projects = Table(
    "projects",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(80), nullable=False),
    Column("route", String(40), nullable=False, unique=True),
    Column("description", Text, nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("created_by", String(80), nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("id", Integer, primary_key=True),
    project_column(),
    Column("model", String(40), nullable=False),
    Column("version", Integer, nullable=False),
    Column("format", String(40), nullable=False),
    Column("filename", Text, nullable=False),
    Column("digest", String(80), nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column("signature", JSON, nullable=False),
    Column("task", String(40), nullable=False),
    Column("libraries", JSON, nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("created_by", String(80), nullable=False),
    Column("description", Text, nullable=False),
    Column("path", Text, nullable=False, server_default=""),
    Column("sample", JSON, nullable=True),
    Column("permit", JSON, nullable=True),
    UniqueConstraint("project_id", "model", "version"),
)

datasets = Table(
    "datasets",
    metadata,
    Column("id", Integer, primary_key=True),
    project_column(),
    Column("name", String(40), nullable=False),
    Column("filename", Text, nullable=False),
    Column("digest", String(80), nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("created_by", String(80), nullable=False),
    Column("description", Text, nullable=False),
    UniqueConstraint("project_id", "name"),
)

runtimes = Table(
    "runtimes",
    metadata,
    Column("slug", String(63), primary_key=True),
    Column("name", String(80), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("language", String(40), nullable=False),
    Column("image", Text, nullable=False),
    Column("formats", JSON, nullable=False),
    Column("description", Text, nullable=False),
    Column("server", JSON, nullable=True),
    Column("cards", JSON, nullable=True),
)

# Ids are never used twice (sqlite_autoincrement): a fact or a token of a removed deployment must not meet a new one.
deployments = Table(
    "deployments",
    metadata,
    Column("id", Integer, primary_key=True),
    project_column(),
    Column("name", String(40), nullable=False),
    Column("model", JSON, nullable=False),
    Column("digest", String(80), nullable=False, index=True),
    Column("runtime", String(63), nullable=False),
    Column("image", Text, nullable=False),
    Column("amounts", JSON, nullable=False),
    Column("replicas", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("created_by", String(80), nullable=False),
    Column("gate_secret", String(128), nullable=False),
    Column("timeouts", JSON, nullable=False, server_default="{}"),
    Column("others", JSON, nullable=False, server_default="[]"),
    Column("server", JSON, nullable=True),
    UniqueConstraint("project_id", "name"),
    sqlite_autoincrement=True,
)

statuses = Table(
    "statuses",
    metadata,
    Column(
        "deployment_id",
        Integer,
        ForeignKey("deployments.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("body", JSON, nullable=False),
)

# Ids are never used twice here either: they are the numbers that people know jobs by.
jobs = Table(
    "jobs",
    metadata,
    Column("id", Integer, primary_key=True),
    project_column(),
    Column("wish", JSON, nullable=False),  # all of it but `stopped`
    Column("stopped", UtcTime, nullable=True),
    Column("status", JSON, nullable=True),  # the reconciler's word
    Column("report", JSON, nullable=True),  # the word of the job's process
    Column("is_open", Boolean, nullable=False, index=True),
    sqlite_autoincrement=True,
)

# Beside `jobs`: a log is large, and whoever lists jobs wants none.
job_logs = Table(
    "job_logs",
    metadata,
    Column("job_id", Integer, ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    Column("seen", UtcTime, nullable=False),
)

observations = Table(
    "observations",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # there is one, the last
    Column("body", JSON, nullable=False),
    Column("at", UtcTime, nullable=False),
)

# No foreign key: a gateway tells of addresses by the deployments' names, and may be a moment late.
gateways = Table(
    "gateways",
    metadata,
    Column("gateway", String(253), primary_key=True),
    Column("snapshot", String(64), nullable=False),
    Column("reached", JSON, nullable=False),
    Column("reported", UtcTime, nullable=False),
)

# No foreign key: a token outlives its deployment as a revoked one, or it would open the next of the same name.
tokens = Table(
    "tokens",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("deployment_id", Integer, nullable=False, index=True),
    Column("note", Text, nullable=False),
    Column("created", UtcTime, nullable=False),
    Column("created_by", String(80), nullable=False),
    Column("expires", UtcTime, nullable=False),
    Column("revoked", UtcTime, nullable=True),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("who", String(80), nullable=False),
    Column("deed", String(80), nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

# One row a change notice: "wish" and "fact".
counters = Table(
    "counters",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

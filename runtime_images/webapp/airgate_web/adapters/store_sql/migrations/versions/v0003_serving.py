"""Timeouts of deployments; servers of others; models that are folders; several models."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Give every deployment the timeouts that it had without saying so, and runtimes a place for a server."""
    op.add_column("deployments", sa.Column("timeouts", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("deployments", sa.Column("others", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("versions", sa.Column("path", sa.Text(), nullable=False, server_default=""))
    for table in ("deployments", "runtimes"):
        op.add_column(table, sa.Column("server", sa.JSON(), nullable=True))

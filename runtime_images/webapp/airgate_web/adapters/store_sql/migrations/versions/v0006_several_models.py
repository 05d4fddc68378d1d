"""Deployments of several models."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Give every deployment a place for further models."""
    op.add_column("deployments", sa.Column("others", sa.JSON(), nullable=False, server_default="[]"))

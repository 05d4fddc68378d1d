"""Timeouts of deployments."""

import sqlalchemy as sa
from alembic import op

revision = "0003_serving"
down_revision = "0002"


def upgrade() -> None:
    """Give every deployment the timeouts that it had without saying so."""
    op.add_column("deployments", sa.Column("timeouts", sa.JSON(), nullable=False, server_default="{}"))

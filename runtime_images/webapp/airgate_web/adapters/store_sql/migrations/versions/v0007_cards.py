"""Whose cards a runtime's image can compute on. Runtimes of before do not say."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column `runtimes.cards`."""
    op.add_column("runtimes", sa.Column("cards", sa.JSON(), nullable=True))

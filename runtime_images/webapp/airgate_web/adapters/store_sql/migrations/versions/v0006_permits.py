"""Files that an administrator has allowed past the scanner. Versions of before have no such word."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column `versions.permit`."""
    op.add_column("versions", sa.Column("permit", sa.JSON(), nullable=True))

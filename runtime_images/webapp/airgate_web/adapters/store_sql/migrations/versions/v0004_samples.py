"""The examples that scripts give of their arguments. Versions of before have none: publish the script again."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column `versions.sample`."""
    op.add_column("versions", sa.Column("sample", sa.JSON(), nullable=True))

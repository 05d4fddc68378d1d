"""What the gateways report. Deployments that are Ready stay so until the first report comes: as if one had said it."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from airgate_kit.clock import SystemClock

revision = "0005"
down_revision = "0004"
BEFORE = "before-this-upgrade"  # the name of that one


def upgrade() -> None:
    """Make the table `gateways` and fill in what was held for reached until now."""
    table = op.create_table(
        "gateways",
        sa.Column("gateway", sa.String(length=253), nullable=False),
        sa.Column("snapshot", sa.String(length=64), nullable=False),
        sa.Column("reached", sa.JSON(), nullable=False),
        sa.Column("reported", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("gateway", name="pk_gateways"),
    )
    reached = find_reached()
    now = SystemClock().now().replace(tzinfo=None)  # as UtcTime keeps it
    if reached:
        op.bulk_insert(table, [{"gateway": BEFORE, "snapshot": "", "reached": reached, "reported": now}])


def find_reached() -> dict[str, list[str]]:
    """Return the addresses of each deployment that is Ready, as its status names them."""
    projects = sa.table("projects", sa.column("id"), sa.column("route"))
    deployments = sa.table("deployments", sa.column("id"), sa.column("project_id"), sa.column("name"))
    statuses = sa.table("statuses", sa.column("deployment_id"), sa.column("body", sa.JSON))
    joined = statuses.join(deployments, statuses.c.deployment_id == deployments.c.id)
    joined = joined.join(projects, deployments.c.project_id == projects.c.id)
    query = sa.select(projects.c.route, deployments.c.name, statuses.c.body).select_from(joined)
    rows = op.get_bind().execute(query).all()
    return {f"{row.route}/{row.name}": list_addresses(row.body) for row in rows if row.body["state"] == "Ready"}


def list_addresses(body: dict[str, Any]) -> list[str]:
    """Return where a deployment's replicas answer HTTP."""
    return [f"{each['host']}:{each['http_port']}" for each in body["addresses"]]

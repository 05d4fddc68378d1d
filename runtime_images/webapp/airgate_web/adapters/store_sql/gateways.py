"""What the gateways reported last."""

import datetime
from collections.abc import Sequence

from sqlalchemy import select

from airgate_web.adapters.store_sql.engine import Door, count_up
from airgate_web.adapters.store_sql.tables import gateways
from airgate_web.domain.plain import make_plain, read_plain
from airgate_web.domain.reach import GatewayReport

KEPT = datetime.timedelta(days=1)  # of a gateway that is no more


class Gateways(Door):
    """The part of the Store about gateways."""

    def write_report(self, report: GatewayReport) -> None:
        """Keep it as the last one of its gateway; those of a day before it go."""
        row = {**make_plain(report), "reported": report.reported}
        mine = gateways.c.gateway == report.gateway
        with self._write() as connection:
            last = connection.execute(select(gateways).where(mine).with_for_update()).first()
            connection.execute(gateways.delete().where(gateways.c.reported < report.reported - KEPT))
            connection.execute(gateways.delete().where(mine))
            connection.execute(gateways.insert().values(row))
            if last is None or (last.snapshot, last.reached) != (row["snapshot"], row["reached"]):
                count_up(connection, "fact")

    def list_reports(self) -> Sequence[GatewayReport]:
        """Return the last report of each gateway, by name."""
        with self._read() as connection:
            rows = connection.execute(select(gateways).order_by(gateways.c.gateway))
            return [read_plain(GatewayReport, {**row._mapping, "reported": row.reported.isoformat()}) for row in rows]

"""Audit: who did what, newest first."""

from collections.abc import Sequence

from airgate_web.ports import AuditEntry
from airgate_web.services.audit import list_audit
from airgate_web.ui.frame import frame
from airgate_web.ui.head import show_head
from airgate_web.ui.live import LivePlace
from airgate_web.ui.tables import Cell, Column, show_table_card
from airgate_web.ui.visit import Visit

SHOWN = 500  # deeds
COLUMNS = (
    Column("at", "When"),
    Column("who", "Who"),
    Column("deed", "Deed"),
    Column("subject", "What"),
    Column("detail", "Detail"),
)


async def draw_audit(visit: Visit) -> None:
    """Draw the page of deeds; Forbidden unless an admin looks."""
    sight = tuple(await visit.ask(list_audit, visit.desk, visit.user, SHOWN))
    with frame(visit, "Audit", (("Audit", ""),)):
        show_head("Audit")
        LivePlace(visit, sight, lambda: tuple(list_audit(visit.desk, visit.user, SHOWN)), show_audit)


def show_audit(entries: Sequence[AuditEntry]) -> None:
    """Draw deeds as a table."""
    rows = [
        {
            "at": entry.at,
            "who": entry.who,
            "deed": entry.deed,
            "subject": Cell(entry.subject, mono=True),
            "detail": entry.detail or "–",
        }
        for entry in entries
    ]
    show_table_card("", COLUMNS, rows, "Nothing was done yet.")

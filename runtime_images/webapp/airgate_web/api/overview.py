"""The appliance at a glance, and who did what."""

from fastapi import APIRouter

from airgate_web.api.access import Asking, AtDesk
from airgate_web.api.shapes.nodes import OverviewAnswer
from airgate_web.api.shapes.people import AuditAnswer
from airgate_web.services.audit import list_audit
from airgate_web.services.overview import find_overview

router = APIRouter()


@router.get("/overview")
def read_overview(desk: AtDesk, _user: Asking) -> OverviewAnswer:
    """Counts, nodes, cards and who holds them."""
    return OverviewAnswer.model_validate(find_overview(desk))


@router.get("/audit")
def read_audit(desk: AtDesk, user: Asking, limit: int = 200) -> list[AuditAnswer]:
    """The last deeds, newest first; for admins."""
    return [AuditAnswer.model_validate(entry) for entry in list_audit(desk, user, limit)]

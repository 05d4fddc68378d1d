"""Calls between the appliance's own processes, guarded by the internal token."""

from fastapi import APIRouter, Depends
from pydantic import AwareDatetime

from airgate_web.api.access import AtDesk, require_internal
from airgate_web.services.readiness import find_waiting

router = APIRouter(prefix="/internal", include_in_schema=False)


@router.get("/ready", dependencies=[Depends(require_internal)])
def read_ready(desk: AtDesk, since: AwareDatetime) -> dict[str, list[str]]:
    """Answer {"waiting": […]}: what is still on its way up since the appliance was started; empty when all is ready."""
    return {"waiting": list(find_waiting(desk, since))}

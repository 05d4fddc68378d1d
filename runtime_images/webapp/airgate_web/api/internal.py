"""Calls between the appliance's own processes, guarded by the internal token."""

from fastapi import APIRouter, Depends, Request

from airgate_web.api.access import AtDesk, require_internal
from airgate_web.services.readiness import find_waiting

router = APIRouter(prefix="/internal", include_in_schema=False)


@router.get("/ready", dependencies=[Depends(require_internal)])
def read_ready(request: Request, desk: AtDesk) -> dict[str, list[str]]:
    """Answer {"waiting": […]}: what is still on its way up since this process started; empty when all is ready."""
    return {"waiting": list(find_waiting(desk, request.app.state.started))}

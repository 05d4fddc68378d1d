"""Runtimes."""

from fastapi import APIRouter

from airgate_web.api.access import Asking, AtDesk
from airgate_web.api.shapes.deployments import RuntimeAnswer
from airgate_web.domain.runtime import RuntimeKind
from airgate_web.services.runtimes import list_runtimes

router = APIRouter()


@router.get("/runtimes")
def read_runtimes(desk: AtDesk, _user: Asking, kind: RuntimeKind | None = None) -> list[RuntimeAnswer]:
    """The runtimes that models can be tested and deployed in."""
    return [RuntimeAnswer.model_validate(runtime) for runtime in list_runtimes(desk, kind)]

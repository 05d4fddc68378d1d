"""What a job's process tells, guarded by a secret of that one job: see `domain.secrets.find_job_secret`.

    POST /internal/jobs/N {"rows", "of"}    progress; with {"ended": true} and "metrics" or "error" the end
    PUT  /internal/jobs/N/result?rows=…     the file of predictions as the body; the end too

409: nobody wants the job any more. 413: the file is too large, and the job has failed by that.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from airgate_web.api.access import AtDesk, Bearer, require_secret
from airgate_web.api.uploads import pull
from airgate_web.domain.job import Metric
from airgate_web.domain.secrets import find_job_secret
from airgate_web.services.job_reports import keep_end, keep_progress, keep_result

Count = Annotated[int | None, Field(ge=0, lt=2**53)]


class MetricBody(BaseModel):
    """One figure; see Metric."""

    name: str
    value: float
    rating: str = ""


class ReportBody(BaseModel):
    """A job's word; what a newer process says besides is passed over. See JobReport."""

    rows: Count = None
    of: Count = None
    ended: bool = False
    error: str = ""
    metrics: tuple[MetricBody, ...] = ()


def require_job(job: int, request: Request, given: Bearer) -> None:
    """Raise Unauthenticated unless the request carries the secret of this job."""
    require_secret(given, find_job_secret(request.app.state.internal_token, job))


router = APIRouter(prefix="/internal/jobs", include_in_schema=False, dependencies=[Depends(require_job)])


@router.post("/{job}", status_code=204)
def hear_report(job: int, body: ReportBody, desk: AtDesk) -> None:
    """Keep a job's word; pages and API see it at once."""
    if not body.ended:
        keep_progress(desk, job, body.rows, body.of)
        return
    metrics = [Metric(one.name, one.value, one.rating) for one in body.metrics]
    keep_end(desk, job, body.rows, body.of, metrics, body.error)


@router.put("/{job}/result", status_code=204)
async def take_result(
    job: int, request: Request, desk: AtDesk, rows: Annotated[int | None, Query(ge=0, lt=2**53)] = None
) -> None:
    """Keep a job's predictions: streamed to the disk and never held in memory."""
    await run_in_threadpool(lambda: keep_result(desk, job, rows, pull(request.stream())))

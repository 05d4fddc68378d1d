"""Hands the snapshot to the agent by a call that waits until there is something new, and takes the agent's report.

    GET /internal/gateway?have=DIGEST&wait=20   200 with the snapshot when its digest differs from `have`, else 204
    POST /internal/gateway {"gateway", "snapshot", "reached": {"route/deployment": ["host:port"]}}   204

Guarded by the appliance's internal token, which the app adds as a dependency.
"""

import asyncio
from collections import defaultdict

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from airgate_kit.clock import Clock
from airgate_web.domain.reach import GatewayReport
from airgate_web.gateway.snapshot import Route, find_snapshot
from airgate_web.ports import Store, Tokens

LOOK_EVERY_S = 0.1  # how often the store is asked whether anything changed while an agent waits
WAIT_MAX_S = 30.0


class ReportBody(BaseModel):
    """A report as an agent sends it; what a newer agent says besides is passed over. See GatewayReport."""

    gateway: str = Field(min_length=1, max_length=253)
    snapshot: str = Field(max_length=64)
    reached: dict[str, tuple[str, ...]]


def make_router(store: Store, tokens: Tokens, clock: Clock) -> APIRouter:
    """Return the router with the agent's two calls."""
    router = APIRouter()

    @router.get("/internal/gateway", include_in_schema=False)
    async def read_snapshot(request: Request, have: str = "", wait: float = 0.0) -> Response:
        """Return the snapshot as soon as it differs from the one the agent has; nothing once this process ends."""
        deadline = clock.monotonic() + min(wait, WAIT_MAX_S)
        seen: tuple[int, int] | None = None
        while True:
            numbers = await run_in_threadpool(find_numbers, store)
            if numbers != seen:
                seen = numbers
                snapshot = await run_in_threadpool(build_snapshot, store, tokens)
                if snapshot["digest"] != have:
                    return JSONResponse(snapshot)
            if clock.monotonic() >= deadline or request.app.state.ending.is_set():
                return Response(status_code=204)
            await asyncio.sleep(LOOK_EVERY_S)

    @router.post("/internal/gateway", include_in_schema=False, status_code=204)
    def keep_report(body: ReportBody) -> None:
        """Keep what a gateway reports; pages and API see it at once."""
        store.write_report(GatewayReport(body.gateway, body.snapshot, body.reached, clock.now()))

    return router


def find_numbers(store: Store) -> tuple[int, int]:
    """Return the store's two change numbers."""
    return store.find_wish_number(), store.find_fact_number()


def build_snapshot(store: Store, tokens: Tokens) -> dict[str, object]:
    """Return the snapshot of what the store holds now."""
    revoked: defaultdict[int, list[str]] = defaultdict(list)
    for token in store.list_revoked():
        revoked[token.deployment_id].append(token.id)
    routes = [
        Route(deployment, store.find_status(deployment.id), tuple(revoked[deployment.id]))
        for deployment in store.list_deployments()
    ]
    return find_snapshot(routes, tokens.jwks())

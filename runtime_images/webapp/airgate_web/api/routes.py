"""Contents of the API: which file answers which paths."""

from fastapi import APIRouter

from airgate_web.api import (
    datasets,
    deployments,
    failures,
    jobs,
    models,
    overview,
    permits,
    projects,
    registrations,
    runtimes,
    session,
    tokens,
    trials,
    uploads,
)

PREFIX = "/api/v2"


def make_api_router() -> APIRouter:
    """Return the router of `/api/v2`; every path below it that no file knows answers JSON too."""
    router = APIRouter(prefix=PREFIX, responses=failures.DOCUMENTED)
    router.include_router(session.router, tags=["session"])  # /session /password
    router.include_router(overview.router, tags=["overview"])  # /overview /audit
    router.include_router(runtimes.router, tags=["runtimes"])  # /runtimes
    router.include_router(projects.router, tags=["projects"])  # /projects
    router.include_router(uploads.router, tags=["models"])  # POST /projects/{route}/models
    router.include_router(registrations.router, tags=["models"])  # /projects/{route}/registrations
    router.include_router(models.router, tags=["models"])  # /projects/{route}/models
    router.include_router(trials.router, tags=["models"])  # …/versions/{version}/sample and /test
    router.include_router(permits.router, tags=["models"])  # …/versions/{version}/permit
    router.include_router(datasets.router, tags=["data sets"])  # /projects/{route}/datasets
    router.include_router(jobs.router, tags=["jobs"])  # /projects/{route}/jobs
    router.include_router(deployments.router, tags=["deployments"])  # /projects/{route}/deployments /deployments
    router.include_router(tokens.router, tags=["tokens"])  # /projects/{route}/deployments/{name}/tokens
    return router

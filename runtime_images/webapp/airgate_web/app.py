"""Puts the web process together: adapters on the desk, routers on the app, and the server around it."""

import os
import secrets
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from fastapi import Depends, FastAPI

from airgate_kit import logs
from airgate_kit.clock import SystemClock
from airgate_kit.names import VERSION
from airgate_web.adapters.blobs_folder import FolderBlobs
from airgate_web.adapters.folders_disk import DiskFolders
from airgate_web.adapters.http_server import open_listener, open_socket, serve_until_signal
from airgate_web.adapters.secret_files import keep_secret
from airgate_web.adapters.store_sql import SqlStore, open_store
from airgate_web.adapters.tester_http import HttpTester
from airgate_web.adapters.tokens_jwt import JwtTokens, make_key, read_key
from airgate_web.api import internal, internal_jobs, probes
from airgate_web.api.access import require_internal
from airgate_web.api.failures import install_failures
from airgate_web.api.limits import BodyLimit
from airgate_web.api.routes import PREFIX, make_api_router
from airgate_web.config import (
    BLOBS,
    MIB,
    WebConfig,
    find_database,
    find_first_password,
    find_internal_token,
    find_key,
    read_runtimes,
)
from airgate_web.domain.runtime import RuntimeKind
from airgate_web.gateway.server import make_router as make_gateway_router
from airgate_web.services.desk import Desk
from airgate_web.services.passwords import judge_password
from airgate_web.services.runtimes import put_default_runtimes, put_runtimes
from airgate_web.services.users import FIRST_USER, add_first_user
from airgate_web.ui import About, add_pages

INTERNAL_TOKEN_BYTES = 32
FIRST_PASSWORD_BYTES = 12  # 16 characters

log = logs.get("airgate_web.app")


def run_web(config: WebConfig) -> int:
    """Serve until a signal comes; return the exit code. Raises a Refusal when it cannot start."""
    logs.setup(config.log_level)
    listener = open_socket(config.uds) if config.uds else open_listener(config.host, config.port, "AIRGATE_WEB_PORT")
    token = read_internal_token(config)
    desk, store = open_desk(config, token)
    try:
        app = build_app(desk, token)
        add_pages(app, desk, About(VERSION, lambda: explain_first_password(desk, config)))
        log.info("web process listens", extra={"fields": {"address": listener.getsockname()}})
        return serve_until_signal(app, listener, app.state.ending)
    finally:
        store.close()
        listener.close()


def read_internal_token(config: WebConfig) -> str:
    """Return the token between our own processes."""
    path = find_internal_token(config.home, config.internal_token_file)
    return keep_secret(path, lambda: secrets.token_hex(INTERNAL_TOKEN_BYTES).encode()).decode()


def open_desk(config: WebConfig, internal_token: str) -> tuple[Desk, SqlStore]:
    """Return the desk on real adapters, with the first user and the default runtimes in its store."""
    clock = SystemClock()
    store = open_store(find_database(config.home, config.database_url))
    desk = Desk(
        store=store,
        blobs=FolderBlobs(config.home / BLOBS, clock),
        tester=HttpTester(store, internal_token, clock),
        tokens=JwtTokens(read_key(keep_secret(find_key(config), make_key)), clock),
        clock=clock,
        upload_limit=config.upload_limit_mib * MIB,
        random=os.urandom,
        folders=DiskFolders(config.model_roots),
    )
    offered = read_runtimes(config.runtimes_file) if config.runtimes_file else ()
    put_runtimes(desk, offered)
    if not any(runtime.kind is RuntimeKind.ENVIRONMENT for runtime in offered):
        put_default_runtimes(desk, "")
    add_first_user(desk, lambda: read_first_password(config))
    return desk, store


def read_first_password(config: WebConfig) -> str:
    """Return the first user's password, made at random where nobody wrote one."""
    made = keep_secret(find_first_password(config), lambda: secrets.token_urlsafe(FIRST_PASSWORD_BYTES).encode())
    return made.decode()


def explain_first_password(desk: Desk, config: WebConfig) -> str:
    """Return where the first password lies, for the door; "" once it was changed, or when a site gave its own."""
    path = find_first_password(config)
    user = desk.store.find_user(FIRST_USER)
    if config.first_password_file or user is None or not path.exists():
        return ""
    if not is_password(user.password_hash, path.read_text()):
        return ""
    return f"First time here? The name is {FIRST_USER}; the password lies in {path}."


@cache
def is_password(password_hash: str, password: str) -> bool:
    """Return whether the hash is of this password; kept, because argon2 is slow on purpose."""
    return judge_password(password, password_hash)


def build_app(desk: Desk, internal_token: str) -> FastAPI:
    """Return the app: API, internal calls and probes. Pages are put on top of it by `ui`."""
    app = FastAPI(
        title="Airgate",
        version="2",
        description="Projects, models, tests and deployments. Predictions are served by the gateway, not here.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # its pages would load scripts from outside
        redoc_url=None,
        redirect_slashes=False,  # an unknown path is one, with or without
        lifespan=log_lifespan,
    )
    app.state.desk = desk
    app.state.internal_token = internal_token
    app.state.ending = threading.Event()  # set when the process was told to end: who waits is answered
    app.add_middleware(BodyLimit)
    app.include_router(make_api_router())
    app.include_router(internal.router)
    app.include_router(internal_jobs.router)
    app.include_router(
        make_gateway_router(desk.store, desk.tokens, desk.clock), dependencies=[Depends(require_internal)]
    )
    app.include_router(probes.router)
    install_failures(app)
    return app


@asynccontextmanager
async def log_lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Say when the process is up and when it ends."""
    log.info("web process is up")
    yield
    log.info("web process ends")

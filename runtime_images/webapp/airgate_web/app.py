"""Puts the web process together: adapters on the desk, routers on the app, and the server around it."""

import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import uvicorn
from fastapi import Depends, FastAPI

from airgate_kit import logs
from airgate_kit.clock import SystemClock
from airgate_kit.names import VERSION
from airgate_web.adapters.blobs_folder import FolderBlobs
from airgate_web.adapters.secret_files import keep_secret
from airgate_web.adapters.store_sql import SqlStore, open_store
from airgate_web.adapters.tester_http import HttpTester
from airgate_web.adapters.tokens_jwt import JwtTokens, make_key, read_key
from airgate_web.api import internal, probes
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
from airgate_web.domain.errors import Invalid
from airgate_web.gateway.server import make_router as make_gateway_router
from airgate_web.services.desk import Desk
from airgate_web.services.passwords import judge_password
from airgate_web.services.runtimes import put_default_runtimes, put_runtimes
from airgate_web.services.users import FIRST_USER, add_first_user
from airgate_web.ui import About, add_pages

INTERNAL_TOKEN_BYTES = 32
FIRST_PASSWORD_BYTES = 12  # 16 characters
GRACE = 10  # seconds for answers under way when the process is asked to end
BACKLOG = 2048

log = logs.get("airgate_web.app")


def run_web(config: WebConfig) -> int:
    """Serve until a signal comes; return the exit code. Raises a Refusal when it cannot start."""
    logs.setup(config.log_level)
    listener = open_socket(config.uds) if config.uds else open_listener(config.host, config.port)
    token = read_internal_token(config)
    desk, store = open_desk(config, token)
    try:
        app = build_app(desk, token)
        add_pages(app, desk, About(VERSION, lambda: explain_first_password(desk, config)))
        log.info("web process listens", extra={"fields": {"address": listener.getsockname()}})
        server = uvicorn.Server(
            uvicorn.Config(app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=GRACE)
        )
        for ending in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ending, server.handle_exit)  # the server raises it once more when it is done
        server.run(sockets=[listener])
        return 0 if server.started else 1
    finally:
        store.close()
        listener.close()


def open_listener(host: str, port: int) -> socket.socket:
    """Return a listening socket; Invalid when the address is not ours or the port is in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Invalid(
            f"Cannot listen on {host} port {port}: {error.strerror}.", "Choose another port (--port, AIRGATE_WEB_PORT)."
        ) from None
    return listener


def open_socket(path: Path) -> socket.socket:
    """Return a listening unix socket that its owner alone may use; one that an earlier process left is replaced."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(BACKLOG)
    return listener


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
    )
    if config.runtimes_file:
        put_runtimes(desk, read_runtimes(config.runtimes_file))
    else:
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
    app.state.started = desk.clock.now()
    app.add_middleware(BodyLimit)
    app.include_router(make_api_router())
    app.include_router(internal.router)
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

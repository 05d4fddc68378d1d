"""The process that hands model files to pods: small, without database and keys, so that it is there when web is not."""

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI

from airgate_kit import logs
from airgate_web.adapters.blobs_folder import find_blob
from airgate_web.adapters.http_server import open_listener, serve_until_signal
from airgate_web.adapters.secret_files import read_internal_token
from airgate_web.api import files
from airgate_web.api.failures import install_failures
from airgate_web.config import BLOBS, FilesConfig, find_internal_token

log = logs.get(__name__)


def run_files(config: FilesConfig) -> int:
    """Serve until a signal comes; return the exit code. Raises a Refusal when it cannot start."""
    logs.setup(config.log_level)
    token = read_internal_token(find_internal_token(config.home, config.internal_token_file))
    folder = config.home / BLOBS
    with open_listener(config.host, config.port, "AIRGATE_FILES_PORT") as listener:
        log.info("files process listens", extra={"fields": {"address": listener.getsockname()}})
        return serve_until_signal(build_files_app(lambda digest: find_blob(folder, digest), token), listener)


def build_files_app(find: Callable[[str], Path | None], internal_token: str) -> FastAPI:
    """Return the app: model files by digest, and a probe. find: the path of a blob, or None."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.find_blob = find
    app.state.internal_token = internal_token
    app.include_router(files.router)
    install_failures(app)
    return app

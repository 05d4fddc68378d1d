"""The command `airgate-web`: the only file that reads arguments and the environment.

Each setting is a flag, else a variable, else its default; README.md has the table.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airgate_kit import logs
from airgate_web.config import UPLOAD_LIMIT_MIB, FilesConfig, ReconcileConfig, SuperviseConfig, WebConfig
from airgate_web.domain.errors import Invalid, Refusal

INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")  # what model processes see of ours
TRACES = "collector of OpenTelemetry traces for every deployment, http://HOST:4318"
WEB_URL = "the web process, where jobs report: http://HOST:PORT, or unix:PATH on this machine"
USAGE = 2  # exit code of a setting that cannot be


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 a setting or the surroundings do not fit."""
    given = make_parser().parse_args(arguments)
    try:
        return int(given.run(given))
    except Refusal as refusal:
        print(f"airgate-web: {refusal.sentence} {refusal.hint}".rstrip(), file=sys.stderr)
        return USAGE


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = argparse.ArgumentParser(prog="airgate-web", description="The webapp of Airgate.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_web(commands)
    add_reconcile(commands)
    add_files(commands)
    add_supervise(commands)
    return parser


def add_web(commands: Any) -> None:
    """Add `web`: pages and API."""
    parser = commands.add_parser("web", help="serve the pages and the API")
    add_common(parser)
    add_setting(parser, "--host", "AIRGATE_WEB_HOST", "127.0.0.1", "address to listen on")
    add_setting(parser, "--port", "AIRGATE_WEB_PORT", "8000", "port to listen on", int)
    add_setting(parser, "--uds", "AIRGATE_WEB_UDS", None, "unix socket to listen on instead", Path)
    add_setting(
        parser,
        "--upload-limit-mib",
        "AIRGATE_UPLOAD_LIMIT_MIB",
        str(UPLOAD_LIMIT_MIB),
        "MiB that one model file may have",
        int,
    )
    add_setting(parser, "--runtimes-file", "AIRGATE_RUNTIMES_FILE", None, "JSON list of the runtimes on offer", Path)
    add_setting(parser, "--model-roots", "AIRGATE_MODEL_ROOTS", "", "places for models that are folders, : between")
    add_setting(
        parser, "--first-password-file", "AIRGATE_FIRST_PASSWORD_FILE", None, "password of the first user", Path
    )
    add_setting(parser, "--signing-key-file", "AIRGATE_SIGNING_KEY_FILE", None, "RSA key that signs tokens", Path)
    parser.set_defaults(run=start_web)


def start_web(given: argparse.Namespace) -> int:
    """Run `web`; loads what it needs and no more."""
    from airgate_web.app import run_web

    return run_web(read_web(given))


def read_web(given: argparse.Namespace) -> WebConfig:
    """Return the settings of `web`."""
    return WebConfig(
        home=given.home,
        host=given.host,
        port=given.port,
        uds=given.uds,
        database_url=read_database(given),
        upload_limit_mib=given.upload_limit_mib,
        runtimes_file=given.runtimes_file,
        model_roots=tuple(Path(root) for root in given.model_roots.split(":") if root),
        first_password_file=given.first_password_file,
        signing_key_file=given.signing_key_file,
        internal_token_file=given.internal_token_file,
        log_level=given.log_level,
    )


def add_reconcile(commands: Any) -> None:
    """Add `reconcile`: from wishes to facts."""
    parser = commands.add_parser("reconcile", help="make the cluster as the users wish, and write down what is so")
    add_common(parser)
    what = "where pods fetch model files; run workloads in Kubernetes, not as processes of this machine"
    add_setting(parser, "--blobs-url", "AIRGATE_BLOBS_URL", "", what)
    add_setting(parser, "--web-url", "AIRGATE_WEB_URL", "", WEB_URL)
    add_setting(parser, "--kubeconfig", "AIRGATE_KUBECONFIG", None, "the way to that cluster from outside", Path)
    add_setting(parser, "--trace-url", "AIRGATE_TRACE_URL", "", TRACES)
    add_setting(parser, "--health-host", "AIRGATE_RECONCILER_HEALTH_HOST", "127.0.0.1", "address of the probes")
    add_setting(parser, "--health-port", "AIRGATE_RECONCILER_HEALTH_PORT", "8001", "port of the probes", int)
    parser.set_defaults(run=start_reconcile)


def start_reconcile(given: argparse.Namespace) -> int:
    """Run `reconcile`; loads what it needs and no more."""
    from airgate_web.backstage.reconciler import run_reconcile

    return run_reconcile(read_reconcile(given))


def read_reconcile(given: argparse.Namespace) -> ReconcileConfig:
    """Return the settings of `reconcile`."""
    return ReconcileConfig(
        home=given.home,
        database_url=read_database(given),
        internal_token_file=given.internal_token_file,
        blobs_url=given.blobs_url,
        web_url=given.web_url,
        kubeconfig=given.kubeconfig,
        trace_url=given.trace_url,
        health_host=given.health_host,
        health_port=given.health_port,
        log_level=given.log_level,
    )


def add_files(commands: Any) -> None:
    """Add `files`: hands model files to pods."""
    parser = commands.add_parser("files", help="hand model files to the pods of a cluster")
    add_home(parser)
    add_setting(parser, "--host", "AIRGATE_FILES_HOST", "127.0.0.1", "address to listen on")
    add_setting(parser, "--port", "AIRGATE_FILES_PORT", "8002", "port to listen on", int)
    parser.set_defaults(run=start_files)


def start_files(given: argparse.Namespace) -> int:
    """Run `files`; loads what it needs and no more."""
    from airgate_web.backstage.files import run_files

    return run_files(FilesConfig(given.home, given.host, given.port, given.internal_token_file, given.log_level))


def add_supervise(commands: Any) -> None:
    """Add `supervise`: parents the model processes of this machine."""
    parser = commands.add_parser("supervise", help="run models as processes of this machine, without Kubernetes")
    home = str(Path("~/.local/share/airgate").expanduser())
    serve = str(Path(sys.executable).with_name("airgate-serve"))
    add_setting(parser, "--home", "AIRGATE_HOME", home, "folder for model files, sockets and logs", Path)
    add_setting(parser, "--serve", "AIRGATE_SERVE", serve, "the serving runtime's program", Path)
    add_setting(parser, "--web-url", "AIRGATE_WEB_URL", "", WEB_URL)
    add_setting(parser, "--trace-url", "AIRGATE_TRACE_URL", "", TRACES)
    simulated = "maker whose cards are simulated, for example qualcomm.com: the pages say so"
    add_setting(parser, "--simulated-cards", "AIRGATE_SIMULATED_CARDS", "", simulated)
    add_setting(parser, "--log-level", "AIRGATE_LOG_LEVEL", "info", "how much to log", choices=logs.LEVELS)
    parser.set_defaults(run=start_supervise)


def start_supervise(given: argparse.Namespace) -> int:
    """Run `supervise`; loads what it needs and no more."""
    from airgate_web.backstage.supervisor import run_supervise

    return run_supervise(read_supervise(given))


def read_supervise(given: argparse.Namespace) -> SuperviseConfig:
    """Return the settings of `supervise`."""
    environ = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return SuperviseConfig(
        home=given.home,
        serve=given.serve,
        environ=environ,
        trace_url=given.trace_url,
        log_level=given.log_level,
        simulated=given.simulated_cards,
        web_url=given.web_url,
    )


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add what the commands with a database know."""
    add_home(parser)
    add_setting(parser, "--database-url", "AIRGATE_DATABASE_URL", "", "database; SQLite in the home folder when empty")
    add_setting(parser, "--database-url-file", "AIRGATE_DATABASE_URL_FILE", None, "file with the database's URL", Path)


def add_home(parser: argparse.ArgumentParser) -> None:
    """Add the home folder, the internal token and the log level."""
    home = str(Path("~/.local/share/airgate").expanduser())
    add_setting(parser, "--home", "AIRGATE_HOME", home, "folder for database, keys and model files", Path)
    add_setting(
        parser, "--internal-token-file", "AIRGATE_INTERNAL_TOKEN_FILE", None, "token between our processes", Path
    )
    add_setting(parser, "--log-level", "AIRGATE_LOG_LEVEL", "info", "how much to log", choices=logs.LEVELS)


def read_database(given: argparse.Namespace) -> str:
    """Return the database's URL: from its file, where a password does not show in the list of processes, or given."""
    if given.database_url_file is None:
        return str(given.database_url)
    try:
        return str(given.database_url_file.read_text().strip())
    except OSError as error:
        raise Invalid(
            f"The file {given.database_url_file} cannot be read: {error.strerror}.", "See --database-url-file."
        ) from None


def add_setting(
    parser: argparse.ArgumentParser,
    flag: str,
    variable: str,
    default: str | None,
    what: str,
    kind: Any = str,
    **more: Any,
) -> None:
    """Add one setting: a flag whose default is a variable's value, or `default`."""
    value = os.environ.get(variable) or default
    parser.add_argument(flag, type=kind, default=value, help=f"{what} (or {variable}; default: {default})", **more)

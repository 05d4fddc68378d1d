"""The command `airgate-gateway`.

    airgate-gateway agent --dir /routes --web http://airgate-web:8000 --token-file /keys/internal-token
        --https 0.0.0.0:8443 --tls-cert /tls/tls.crt --tls-key /tls/tls.key [--http 0.0.0.0:8088 [--http-console]]
    airgate-gateway envoy --dir /routes      waits for the agent's first files, then becomes Envoy

Exit codes: 0 ended as asked, 2 a wrong flag or file.
"""

import argparse
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from airgate_gateway.agent import Agent, Settings
from airgate_gateway.doors import Door, read_address, read_certificate, read_upstream
from airgate_gateway.envoy import find_command, wait_for_files
from airgate_gateway.errors import GatewayError
from airgate_kit import logs
from airgate_kit.clock import SystemClock


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = build_parser().parse_args(arguments)
    logs.setup(options.log_level)
    logs.get("httpx").setLevel("WARNING")  # one line a request is no news
    try:
        return int(options.run(options))
    except GatewayError as error:
        print(" ".join(filter(None, (error.sentence, error.hint))), file=sys.stderr)
        return 2


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; each command is one function."""
    parser = argparse.ArgumentParser(prog="airgate-gateway", description="The agent beside Envoy, and Envoy itself.")
    parser.add_argument("--log-level", choices=logs.LEVELS, default="info")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_agent(commands.add_parser("agent", help="keep Envoy's files in step with the webapp"))
    add_envoy(commands.add_parser("envoy", help="wait for the files, then become Envoy"))
    return parser


def add_agent(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `agent`."""
    parser.add_argument("--dir", type=Path, required=True, help="folder of Envoy's files; kept between starts")
    parser.add_argument("--web", required=True, help="the webapp: http://HOST:PORT or unix:/path/to/socket")
    parser.add_argument("--token-file", type=Path, required=True, help="file with the appliance's internal token")
    parser.add_argument("--https", metavar="HOST:PORT", help="door with TLS: predictions and console")
    parser.add_argument("--tls-cert", type=Path, help="PEM certificate chain of --https")
    parser.add_argument("--tls-key", type=Path, help="PEM key of --https")
    parser.add_argument("--http", metavar="HOST:PORT", help="door without TLS: predictions alone")
    parser.add_argument("--http-console", action="store_true", help="let the console pass through --http too")
    parser.add_argument("--metrics", metavar="HOST:PORT", help="show Envoy's statistics at /metrics")
    parser.set_defaults(run=run_agent)


def add_envoy(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `envoy`."""
    parser.add_argument("--dir", type=Path, required=True, help="folder of Envoy's files")
    parser.add_argument("--concurrency", type=int, default=0, help="worker threads; 0: as many as there are cores")
    parser.set_defaults(run=run_envoy)


def run_agent(options: argparse.Namespace) -> int:
    """Follow the webapp until SIGTERM."""
    options.dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = Settings(
        name=socket.gethostname(),
        folder=options.dir.resolve(),
        web=read_upstream(options.web),
        token_file=options.token_file,
        doors=read_doors(options),
        metrics=read_address("--metrics", options.metrics) if options.metrics else None,
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    Agent(settings, SystemClock()).run(stop)
    return 0


def read_doors(options: argparse.Namespace) -> tuple[Door, ...]:
    """Return the doors that the flags ask for; GatewayError when there is none or one is half described."""
    doors = []
    if options.https:
        if not (options.tls_cert and options.tls_key):
            raise GatewayError("no_certificate", "--https needs a certificate.", "Give --tls-cert and --tls-key.")
        certificate = read_certificate(options.tls_cert, options.tls_key)
        doors.append(Door("https", read_address("--https", options.https), console=True, certificate=certificate))
    if options.http:
        doors.append(Door("http", read_address("--http", options.http), console=options.http_console))
    if not doors:
        raise GatewayError("no_door", "The gateway has no door.", "Give --https HOST:PORT, or --http HOST:PORT.")
    return tuple(doors)


def run_envoy(options: argparse.Namespace) -> int:
    """Wait for the files, then become Envoy; returns only when that fails."""
    folder = options.dir.resolve()
    wait_for_files(folder, SystemClock())
    command = find_command(folder, options.concurrency)
    os.execv(command[0], command)  # noqa: S606  no shell is wanted

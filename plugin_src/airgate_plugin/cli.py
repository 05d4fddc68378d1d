"""`airgate-plugin`: the only reader of arguments, environment and the settings file, and the table of exit codes."""

import argparse
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from airgate_kit import logs
from airgate_kit.clock import SystemClock
from airgate_plugin.app import App
from airgate_plugin.config import (
    ENV_PREFIX,
    KEYS,
    SETTINGS,
    Settings,
    build_settings,
    suggest,
)
from airgate_plugin.doctor import describe_host, write_report
from airgate_plugin.errors import BadSettings, CannotServe, HostUnreadable, PluginError
from airgate_plugin.exercise import describe_cards, write_cards
from airgate_plugin.rounds import look_once

EXIT_OK = 0
EXIT_ILL = 1  # doctor: at least one device is not healthy
EXIT_CODES: dict[type[PluginError], int] = {BadSettings: 2, HostUnreadable: 3, CannotServe: 4}
EXIT_OTHER = 5

# Kubernetes puts these into a pod beside a Service called airgate-plugin; they are not ours and not typing errors.
SERVICE_LINK = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP)(_[A-Z]+)?)?)$")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    wishes = _parser().parse_args(arguments)
    try:
        if wishes.command == "cards":
            return _cards(wishes.json)
        settings = build_settings(_find_layers(wishes, os.environ))
        logs.setup(settings.log_level)
        return _doctor(settings, wishes.json) if wishes.command == "doctor" else _run(settings)
    except PluginError as why:
        print(f"airgate-plugin: {why}", file=sys.stderr)
        return EXIT_CODES.get(type(why), EXIT_OTHER)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="airgate-plugin",
        description="Tells the kubelet which Qualcomm (and NVIDIA) cards this node has.",
        epilog="exit codes: 0 done, 1 an ill device was found, 2 settings, 3 host unreadable, 4 cannot serve",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="serve the kubelet until it is stopped")
    doctor = commands.add_parser("doctor", help="print what is seen and why each device has its state")
    doctor.add_argument("--json", action="store_true", help="print it as JSON")
    cards = commands.add_parser("cards", help="in a container with granted cards: list them and ask each for its state")
    cards.add_argument("--json", action="store_true", help="print it as JSON")
    for command in (run, doctor):
        _add_settings(command)
    return parser


def _add_settings(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings as YAML; flags and environment win")
    for setting in SETTINGS:
        meaning = f"{setting.meaning} [{setting.variable}] (default: {setting.default or 'none'})"
        switch = {"nargs": "?", "const": "true"} if setting.default in ("true", "false") else {}
        parser.add_argument(setting.flag, dest=f"setting_{setting.key}", help=meaning, **switch)  # type: ignore[arg-type]


def _find_layers(wishes: argparse.Namespace, environment: Mapping[str, str]) -> list[tuple[str, Mapping[str, str]]]:
    """Return the three layers of text, the strongest last: file, environment, flags."""
    flags = {key: getattr(wishes, f"setting_{key}") for key in KEYS}
    return [
        (str(wishes.config), _read_file(wishes.config)),
        ("environment", _read_environment(environment)),
        ("command line", {key: text for key, text in flags.items() if text is not None}),
    ]


def _read_environment(environment: Mapping[str, str]) -> dict[str, str]:
    by_variable = {setting.variable: setting.key for setting in SETTINGS}
    for name in environment:
        if name.startswith(ENV_PREFIX) and name not in by_variable and not SERVICE_LINK.search(name):
            raise BadSettings(f"environment: {name} is no setting", suggest(name, list(by_variable)))
    return {key: environment[name] for name, key in by_variable.items() if name in environment}


def _read_file(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    import yaml  # a start without such a file need not wait for it

    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as why:
        sentence = " ".join(str(why).split())
        raise BadSettings(f"{path} cannot be read: {sentence}", "it must be YAML: one `key: value` a line") from why
    if not isinstance(content or {}, dict):
        raise BadSettings(f"{path} holds no settings", "it must be YAML: one `key: value` a line")
    return {str(key): _write_text(value) for key, value in (content or {}).items()}


def _write_text(value: object) -> str:
    """Return a YAML value as the text that a flag would have."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return ",".join(f"{key}={each}" for key, each in value.items())
    return "" if value is None else str(value)


def _run(settings: Settings) -> int:
    app = App(settings, SystemClock())
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    app.start()
    over.wait()
    app.stop()
    return EXIT_OK


def _doctor(settings: Settings, as_json: bool) -> int:
    snapshot, looks = look_once(settings, SystemClock())
    described = describe_host(snapshot, looks)
    print(json.dumps(described, indent=2) if as_json else write_report(described), end="\n" if as_json else "")
    return EXIT_OK if described["healthy"] else EXIT_ILL


def _cards(as_json: bool) -> int:
    described = describe_cards(Path("/"), os.environ)
    print(json.dumps(described, indent=2) if as_json else write_cards(described), end="\n" if as_json else "")
    return EXIT_OK if described["well"] else EXIT_ILL

"""The command `airgate-trial`, which `make trial` calls.

    airgate-trial up       start in the background, return when it is ready, print the address
    airgate-trial status   what runs
    airgate-trial logs     the last lines of every process
    airgate-trial stop     end it; everything is kept

Environment: AIRGATE_HOME (~/.local/share/airgate), AIRGATE_PORT (8080), AIRGATE_QAIC (0 simulated cards). The last two
need not be said again: they are as they were last.
Exit codes: 0 done, 1 it could not be brought up or down, 3 `status` when it does not run.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from airgate_kit.clock import SystemClock
from airgate_trial import control, look
from airgate_trial.app import start_trial
from airgate_trial.errors import TrialError
from airgate_trial.home import Settings, read_settings

HOME, PORT, CARDS = "~/.local/share/airgate", "8080", "0"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = build_parser().parse_args(arguments)
    try:
        return int(options.run(find_settings(starts=options.run is run_up)))
    except TrialError as error:
        print(" ".join(filter(None, (error.sentence, error.hint))), file=sys.stderr)
        return 1


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; each command is one function of the settings."""
    parser = argparse.ArgumentParser(prog="airgate-trial", description="The whole appliance here, as processes.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (
        ("up", run_up, "start it and print the address"),
        ("status", run_status, "say what runs"),
        ("logs", run_logs, "show the last lines of every process"),
        ("stop", run_stop, "end it; everything is kept"),
    ):
        commands.add_parser(name, help=text).set_defaults(run=run)
    return parser


def find_settings(starts: bool) -> Settings:
    """Return the settings that the environment asks for; what it leaves open is as it is, or was when it last ran.

    starts: whether it is to be started so. A command that only looks takes what runs as it is.
    """
    home = os.environ.get("AIRGATE_HOME") or HOME
    started = {key: str(value) for key, value in control.find_started(read_settings(home, PORT, CARDS).home).items()}
    variables = {"port": "AIRGATE_PORT", "cards": "AIRGATE_QAIC"}
    asked = {key: os.environ[name] for key, name in variables.items() if os.environ.get(name)}
    found = {"port": PORT, "cards": CARDS} | (started | asked if starts else asked | started)
    return read_settings(home, found["port"], found["cards"])


def run_up(settings: Settings) -> int:
    """Start what does not run yet, wait until it is ready, and say where."""
    start_trial(settings, Path(sys.executable).parent, SystemClock(), nvidia=has_nvidia(), say=print)
    print(look.render_welcome(settings))
    return 0


def has_nvidia() -> bool:
    """Return whether this machine has an NVIDIA card and its driver."""
    return Path("/dev/nvidiactl").exists() and shutil.which("nvidia-smi") is not None


def run_status(settings: Settings) -> int:
    """Print one line a process."""
    processes = control.find_processes(settings.home)
    print(look.render_status(settings, processes))
    return 0 if processes else 3


def run_logs(settings: Settings) -> int:
    """Print the end of every log."""
    print(look.render_logs(settings.home))
    return 0


def run_stop(settings: Settings) -> int:
    """End everything."""
    stopped = control.stop_programs(settings.home, SystemClock())
    print(
        "Airgate is stopped; everything is kept in " + str(settings.home.root) if stopped else "Airgate does not run."
    )
    return 0

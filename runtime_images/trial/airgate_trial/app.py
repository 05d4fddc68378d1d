"""Brings the appliance up, in the order a person would: folders, cards, processes, wait, samples."""

import subprocess
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from airgate_kit.clock import Clock
from airgate_trial import control
from airgate_trial.errors import TrialError
from airgate_trial.home import Settings, prepare_home
from airgate_trial.port import judge_port
from airgate_trial.programs import find_programs, render_configuration
from airgate_trial.ready import Door, wait_until_ready
from airgate_trial.samples import make_samples

READY_S = 120


def start_trial(settings: Settings, binaries: Path, clock: Clock, nvidia: bool, say: Callable[[str], None]) -> None:
    """Start what does not run yet and return when everything answers, deployments that were running included.

    binaries: the folder of the products' commands. Raises TrialError with one sentence; what could not come up is
    ended again, what ran before is left alone.
    """
    ran = control.is_running(settings.home)
    if ran:
        judge_running(settings, control.find_started(settings.home))
    else:
        judge_port(settings.port)
    prepare_home(settings.home)
    door = Door(settings.port, settings.home.web, settings.home.internal_token.read_text())
    if not ran:
        say("Starting …")
        start_processes(settings, binaries, nvidia)
    try:
        failing = partial(control.find_failing, settings.home)
        wait_until_ready(door, control.find_start(settings.home), clock, READY_S, failing)
        if not settings.home.samples_done.exists():
            say("Making the sample project …")
            make_samples(settings, door)
    except TrialError:
        if not ran:
            control.stop_programs(settings.home, clock)
        raise


def judge_running(settings: Settings, started: Mapping[str, int]) -> None:
    """Raise TrialError when what runs was started with another port or other cards than are asked for now."""
    port, cards = started.get("port", settings.port), started.get("cards", settings.cards)
    if (port, cards) != (settings.port, settings.cards):
        raise TrialError(
            "runs_otherwise",
            f"The trial in {settings.home.root} runs already, on port {port} with {cards} simulated cards.",
            "Use it there, or end it first: make trial-stop",
        )


def start_processes(settings: Settings, binaries: Path, nvidia: bool) -> None:
    """Make the cards, and start everything."""
    if settings.cards:
        simulate_cards(settings, binaries)
    programs = find_programs(settings, binaries, nvidia)
    control.start_programs(settings, binaries, render_configuration(settings.home, programs, {}))


def simulate_cards(settings: Settings, binaries: Path) -> None:
    """Write the tree that the device plugin reads its cards from; as many as there were stay as they are."""
    if settings.home.cards.exists() and settings.home.cards.read_text() == str(settings.cards):
        return
    command = [
        str(binaries / "airgate-simulate-qaic"),
        "--root",
        str(settings.home.host),
        "--cards",
        str(settings.cards),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TrialError("no_cards", f"The simulated cards could not be made: {done.stderr.strip()}")
    settings.home.cards.write_text(str(settings.cards))

"""What a person waits for and what the appliance weighs, in a trial: deploy to ready, start, resident memory."""

import subprocess
import tempfile
import time
from pathlib import Path

from tests.bench.figures import Figure, find_median
from tests.bench.load import RUNS, find_resident_mb
from tests.kit import card_loss
from tests.kit.trial import BINARIES, Trial, run_trial

PARTS = {"web": "webapp", "reconcile": "reconciler", "supervise": "supervisor", "agent": "gateway agent"}


def find_figures() -> list[Figure]:
    """Measure in one trial; its own first start is the first figure."""
    with tempfile.TemporaryDirectory() as folder:
        begin = time.monotonic()
        with run_trial(Path(folder) / "home", cards=4) as trial:
            first = time.monotonic() - begin
            figures = [
                Figure("make trial, first start with samples", "s", round(first, 2), goal="<= 90"),
                Figure("make trial, second start", "s", measure_second_start(trial), goal="<= 10"),
                *(measure_deploys(trial, model) for model in ("digits", "iris")),
                *measure_memory(trial),
                measure_losses(trial),
            ]
    return figures


def measure_second_start(trial: Trial) -> float:
    """Return seconds of a start with everything there."""
    trial.run("stop")
    begin = time.monotonic()
    trial.up()
    return round(time.monotonic() - begin, 2)


def measure_deploys(trial: Trial, model: str) -> Figure:
    """Return seconds from the wish to Ready, local processes."""
    runs = []
    for number in range(RUNS):
        name = f"bench-{model}-{number}"
        begin = time.monotonic()
        trial.appliance.deploy("samples", name, model=model)
        trial.appliance.wait_until_ready("samples", name)
        runs.append(round(time.monotonic() - begin, 2))
        trial.appliance.remove_deployment("samples", name)
    return find_median(f"deploy to ready, local processes, {model}", "s", runs)


def measure_losses(trial: Trial) -> Figure:
    """Return seconds from a granted card's death to the next good prediction, a spare card being there."""
    route, name, host = "bench", "who", trial.home / "host"
    simulate = [str(BINARIES / "airgate-simulate-qaic"), "--root", str(host)]
    trial.appliance.send("POST", "/projects", {"name": "Bench", "route": route})
    trial.appliance.upload(route, card_loss.MODEL, "who.py", card_loss.SCRIPT)
    token = card_loss.deploy(trial.appliance, route, name)
    runs = []
    for _ in range(RUNS):
        card = card_loss.find_card(trial.appliance, route, name)
        lose = [*simulate, "--lose", card]
        loss = card_loss.measure_loss(
            trial.appliance, route, name, token, lambda lose=lose: subprocess.run(lose, check=True, capture_output=True)
        )
        runs.append(loss.seconds)
        subprocess.run([*simulate, "--restore", card], check=True, capture_output=True)
        trial.appliance.wait_until_ready(route, name)
    return find_median("card's death to the next good prediction, local processes", "s", runs, goal="<= 15")


def measure_memory(trial: Trial) -> list[Figure]:
    """Return the resident memory of each part, proportional where pages are shared."""
    pids = trial.find_processes()
    parts = {**PARTS, "envoy": "Envoy", "plugin": "device plugin"}
    return [
        Figure(f"resident memory: {text}", "MB", find_resident_mb(pids[name], children=False))
        for name, text in parts.items()
    ]

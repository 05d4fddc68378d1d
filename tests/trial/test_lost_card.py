"""A card dies in a deployment's hands in a trial: real processes, real Envoy, a real device plugin, simulated cards."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.kit.card_loss import MODEL, SCRIPT, ask, deploy, find_card, measure_loss
from tests.kit.trial import BINARIES, Trial

pytestmark = [pytest.mark.trial, pytest.mark.timeout(600)]
PROJECT = "cards"
LIMIT_S = 120


@pytest.fixture(scope="module")
def trial(shared_trial: Trial) -> Iterator[Trial]:
    """A trial with two cards and a project for these; the cards are free again afterwards."""
    appliance = shared_trial.appliance
    appliance.send("POST", "/projects", {"name": "Cards", "route": PROJECT})
    appliance.upload(PROJECT, MODEL, f"{MODEL}.py", SCRIPT)
    yield shared_trial
    appliance.remove_deployment(PROJECT, "live")


def simulate(trial: Trial, *wishes: str) -> None:
    """Break or mend a simulated card."""
    command = [BINARIES / "airgate-simulate-qaic", "--root", trial.home / "host", *wishes]
    subprocess.run(command, check=True, capture_output=True)


def test_predictions_go_on_from_a_spare_card_and_without_one_the_page_says_why(trial: Trial) -> None:
    """First there is a spare; then that one dies too, and the deployment waits for whichever comes back."""
    token = deploy(trial.appliance, PROJECT, "live")
    first = find_card(trial.appliance, PROJECT, "live")
    measure_loss(trial.appliance, PROJECT, "live", token, lambda: simulate(trial, "--lose", first))
    trial.appliance.wait_until_ready(PROJECT, "live")
    second = find_card(trial.appliance, PROJECT, "live")
    assert second != first
    simulate(trial, "--lose", second)
    found = trial.appliance.wait_for(PROJECT, "live", lambda found: found["state"] == "Failed", LIMIT_S)
    assert f"lost its card {second} (" in found["sentence"]
    assert "no other qualcomm.com/qaic is free" in found["sentence"]
    assert "Bring the card back" in found["sentence"]
    simulate(trial, "--restore", first)
    trial.appliance.wait_for(PROJECT, "live", lambda found: found["state"] == "Ready", LIMIT_S)
    assert ask(trial.appliance, PROJECT, "live", token)[0]
    assert find_card(trial.appliance, PROJECT, "live") == first
    simulate(trial, "--restore", second)

"""Simulated cards are told apart from real ones, by who started their plugin, and never by a guess."""

import pytest

from airgate_web.adapters.cluster_local.kubelet.ledger import Ledger
from airgate_web.adapters.cluster_local.observe import find_observation
from airgate_web.cli import make_parser, read_supervise
from airgate_web.domain.plain import make_plain, read_plain
from airgate_web.domain.workload import Observation
from airgate_web.services.overview import find_gauges

QAIC, NVIDIA = "qualcomm.com/qaic", "nvidia.com/gpu"


@pytest.mark.parametrize(
    ("simulated", "found"), [("qualcomm.com", {QAIC: True, NVIDIA: False}), ("", dict.fromkeys((QAIC, NVIDIA), False))]
)
def test_only_the_cards_of_the_maker_that_was_named_are_simulated(simulated, found):
    """A real card beside them stays one, and without a word all are real; what is kept says the same."""
    ledger = Ledger()
    ledger.put_devices(QAIC, {"qaic0": True})
    ledger.put_devices(NVIDIA, {"gpu0": True})
    observation = find_observation({}, (), ledger, simulated)
    assert {one.resource: one.simulated for one in observation.devices} == found
    assert {one.resource: one.simulated for one in find_gauges(observation)} == found
    assert read_plain(Observation, make_plain(observation)) == observation


def test_the_maker_is_a_setting_of_the_supervisor(tmp_path):
    """The trial gives it, because it makes the cards; nobody else does."""
    command = ["supervise", "--home", str(tmp_path)]
    assert read_supervise(make_parser().parse_args(command)).simulated == ""
    assert (
        read_supervise(make_parser().parse_args([*command, "--simulated-cards", "qualcomm.com"])).simulated
        == "qualcomm.com"
    )

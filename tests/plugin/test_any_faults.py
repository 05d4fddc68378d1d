"""For any sequence of faults on a simulated host: nothing twice, nothing lost, everything heals."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airgate_kit.names import RESOURCE_QAIC
from airgate_plugin.errors import GrantRefused
from airgate_plugin.model import Device, Snapshot
from airgate_plugin.policy.grants import plan_grants
from airgate_plugin.policy.health import QUIET_SECONDS
from airgate_plugin.policy.merge import Rules, merge_observations
from airgate_plugin.sources.hostfs import HostFiles
from airgate_plugin.sources.qaic_sysfs import QaicSysfs
from airgate_plugin.sources.qaic_util import read_rows
from airgate_simulator import (
    apply_link,
    apply_lost_soc,
    apply_returned_soc,
    apply_serial,
    apply_status,
    apply_uncorrected_error,
    plan_socs,
    write_tree,
)
from airgate_simulator.faults import find_socs
from airgate_simulator.stand_in_qaic_util import write_rows
from airgate_simulator.tree import pci_folder, read_facts

pytestmark = pytest.mark.process

SOCS = [soc.address for soc in plan_socs(2, "ultra")]
FAULTS = st.tuples(
    st.sampled_from(SOCS),
    st.sampled_from(
        ["lose", "return", "Error", "Initializing", "Odd", "Ready", "serial", "no answer", "error", "link"]
    ),
    st.integers(1, 20),
)


def apply_fault(root: Path, address: str, fault: str) -> None:
    """Write one fault into the tree."""
    if fault == "lose":
        apply_lost_soc(root, address)
    elif fault == "return":
        apply_returned_soc(root, address)
    elif fault == "serial":
        apply_serial(root, address, "WRONG")
    elif fault in ("error", "link") and not pci_folder(root, address).exists():
        pass  # what is not there has no counter and no link
    elif fault == "error":
        apply_uncorrected_error(root, address)
    elif fault == "link":
        apply_link(root, address, "2.5")
    elif fault != "no answer":
        apply_status(root, address, fault)


def look(root: Path, before: tuple[Device, ...], now: float, answers: bool) -> tuple[Device, ...]:
    """Return the devices as the plugin sees them; the stand-in's text is read without starting it."""
    text = write_rows(read_facts(root)["socs"]) if answers else "QID garbage"
    looks = [QaicSysfs(HostFiles(root)).look(), read_rows(text, "qaic-util")]
    return merge_observations(looks, before, Rules(), now)


@settings(max_examples=12, deadline=None)
@given(st.lists(FAULTS, max_size=12))
def test_no_sequence_of_faults_loses_or_doubles_a_soc(faults: list[tuple[str, str, int]]) -> None:
    """Every SoC stays on the list, no number is granted twice, and what is mended is Healthy again."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "host"
        write_tree(root, plan_socs(2, "ultra"))
        devices, now = look(root, (), 0.0, answers=True), 0.0
        for address, fault, seconds in faults:
            apply_fault(root, address, fault)
            now += seconds
            devices = look(root, devices, now, answers=fault != "no answer")
            check_grants(devices)
        for soc in find_socs(root):
            apply_returned_soc(root, soc.address)
        healed = look(root, devices, now + 1, answers=True)
        for _ in range(4):  # good signs are believed when they last
            now += QUIET_SECONDS
            healed = look(root, healed, now + 1, answers=True)
        assert [device.address for device in healed] == SOCS
        assert all(device.health.healthy for device in healed)


def check_grants(devices: tuple[Device, ...]) -> None:
    """Grant every SoC that can be granted; no number and no node is handed out twice."""
    assert [device.address for device in devices] == SOCS
    snapshot = Snapshot(1, devices)
    qids, nodes = [], []
    for device in devices:
        try:
            (grant,) = plan_grants([[device.id]], RESOURCE_QAIC, snapshot)
        except GrantRefused:
            assert not device.health.healthy or device.qid is None
            continue
        qids.append(grant.envs["QAIC_VISIBLE_DEVICES"])
        nodes += grant.nodes
    assert len(set(qids)) == len(qids)
    assert len(set(nodes)) == len(nodes)

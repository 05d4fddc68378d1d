"""For any sequence of faults on a simulated host: nothing twice, nothing lost, everything heals."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airgate_kit.names import RESOURCE_QAIC
from airgate_plugin.errors import GrantRefused
from airgate_plugin.model import Device, Holder, Holdings, Snapshot
from airgate_plugin.policy.grants import plan_grants
from airgate_plugin.policy.health import QUIET_SECONDS
from airgate_plugin.policy.holdings import find_due, follow_holdings
from airgate_plugin.policy.merge import Rules, merge_observations
from airgate_plugin.sources.hostfs import HostFiles
from airgate_plugin.sources.qaic_channels import read_channels
from airgate_plugin.sources.qaic_sysfs import QaicSysfs
from airgate_plugin.sources.qaic_util import read_rows
from airgate_simulator import (
    apply_link,
    apply_lost_soc,
    apply_returned_soc,
    apply_serial,
    apply_status,
    apply_uncorrected_error,
    apply_workload,
    plan_socs,
    write_tree,
)
from airgate_simulator.faults import find_socs
from airgate_simulator.stand_in_qaic_util import write_rows
from airgate_simulator.tree import pci_folder, read_facts

pytestmark = pytest.mark.process

POD = Holder("airgate-deploy", "digits-0", "server")
SOCS = [soc.address for soc in plan_socs(2, "ultra")]
FAULTS = st.tuples(
    st.sampled_from(SOCS),
    st.sampled_from(
        [
            *["lose", "return", "Error", "Initializing", "Odd", "Ready", "serial", "no answer", "error", "link"],
            *["busy", "idle", "pod comes", "pod goes"],
        ]
    ),
    st.integers(1, 20),
)


AS_THEY_ARE: dict[str, Callable[..., None]] = {
    "lose": apply_lost_soc,
    "return": apply_returned_soc,
    "busy": apply_workload,
    "idle": partial(apply_workload, is_there=False),
}


def apply_fault(root: Path, address: str, fault: str) -> None:
    """Write one fault into the tree."""
    if fault in AS_THEY_ARE:
        AS_THEY_ARE[fault](root, address)
    elif fault == "serial":
        apply_serial(root, address, "WRONG")
    elif fault in ("error", "link") and not pci_folder(root, address).exists():
        pass  # what is not there has no counter and no link
    elif fault == "error":
        apply_uncorrected_error(root, address)
    elif fault == "link":
        apply_link(root, address, "2.5")
    elif fault not in ("no answer", "pod comes", "pod goes"):
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


@settings(max_examples=12, deadline=None)
@given(st.lists(FAULTS, max_size=20))
def test_no_sequence_of_faults_keeps_a_leftover_or_hides_one(faults: list[tuple[str, str, int]]) -> None:
    """What is busy without a pod is known as long as the kernel tells it, and what is mended and idle is not."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "host"
        write_tree(root, plan_socs(2, "ultra"))
        devices, now, held, holdings = look(root, (), 0.0, answers=True), 0.0, {}, Holdings()
        for address, fault, seconds in faults:
            apply_fault(root, address, fault)
            now += seconds
            held = {**held, address: POD} if fault == "pod comes" else held
            held = {each: pod for each, pod in held.items() if (each, fault) != (address, "pod goes")}
            devices = look(root, devices, now, answers=fault != "no answer")
            holdings = follow(root, holdings, held, devices)
            assert not set(held) & holdings.leftover
            assert holdings.leftover <= set(SOCS)
        for soc in find_socs(root):
            apply_returned_soc(root, soc.address)
        devices = look(root, devices, now + 1, answers=True)
        holdings = follow(root, follow(root, holdings, {}, devices), {}, devices)
        assert holdings.leftover == frozenset()


def follow(root: Path, before: Holdings, held: dict[str, Holder], devices: tuple[Device, ...]) -> Holdings:
    """Return the holdings of one round, with what the tree's kernel tells."""
    states = {each.id: read_channels(HostFiles(root), each) for each in find_due(before, held, devices)}
    return follow_holdings(before, held, devices, states)


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

"""Simulated hosts: every kind of card, mixed nodes, and faults by script."""

from pathlib import Path

import pytest

from airgate_plugin.config import build_settings
from airgate_plugin.rounds import look_once
from airgate_simulator import find_socs, plan_mixed
from airgate_simulator.cli import main as simulate
from airgate_simulator.script import Step, play_script, read_script
from airgate_simulator.tree import pci_folder, write_tree
from tests.fakes.clock_hand import HandClock


@pytest.mark.parametrize(
    ("groups", "resources", "cards"),
    [
        ([(3, "std")], {"std": 3}, 3),
        ([(3, "pro")], {"pro": 3}, 3),
        ([(2, "ultra")], {"ultra": 8}, 2),
        ([(2, "ultra-plus")], {"ultra": 16}, 2),
        ([(2, "ultra"), (1, "std"), (4, "pro")], {"ultra": 8, "std": 1, "pro": 4}, 7),
    ],
)
def test_every_kind_of_node_is_seen_as_it_is(
    tmp_path: Path, groups: list[tuple[int, str]], resources: dict[str, int], cards: int
) -> None:
    """Resources by SKU, whole cards, and numbers that are each given once; another vendor's NPU beside."""
    write_tree(tmp_path / "host", plan_mixed(groups, first_accel=1), neighbour=True)
    settings = build_settings([("test", {"host_root": str(tmp_path / "host"), "sku_resources": "true"})])
    snapshot, _ = look_once(settings, HandClock())
    found = {name: len(snapshot.find_devices(name)) for name in snapshot.find_resources()}
    assert found == {f"qualcomm.com/qaic-{kind}": count for kind, count in resources.items()}
    assert len({device.card for device in snapshot.devices}) == cards
    assert len({device.qid for device in snapshot.devices}) == len(snapshot.devices)
    assert len({device.accel for device in snapshot.devices}) == len(snapshot.devices)
    assert all(device.health.healthy for device in snapshot.devices)


def test_a_script_is_read_in_the_order_of_its_seconds() -> None:
    """Remarks and blank lines do not matter, nor the order of lines."""
    steps = read_script("# a bad day\n\n5 restore all\n0.5 status 0000:10:00.0 Error  # at once\n")
    assert steps == (Step(0.5, "status", ("0000:10:00.0", "Error")), Step(5.0, "restore", ("all",)))


@pytest.mark.parametrize("line", ["soon lose all", "1", "1 melt all", "1 status all", "1 lose", "1 lose all now"])
def test_a_line_that_makes_no_sense_is_named(line: str) -> None:
    """The number of the line, and which faults there are."""
    with pytest.raises(ValueError, match="line 2 of the script"):
        read_script(f"0 lose all\n{line}\n")


def test_all_socs_can_go_at_once_and_come_back(host: Path) -> None:
    """A whole node's cards, in one step of a script."""
    play_script(host, read_script("0 lose all"), HandClock())
    assert not [soc for soc in find_socs(host) if pci_folder(host, soc.address).exists()]
    play_script(host, read_script("0 restore all\n0 util garbage"), HandClock())
    assert len([soc for soc in find_socs(host) if pci_folder(host, soc.address).exists()]) == 8


def test_a_mixed_node_is_made_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--also adds cards of another kind; what does not fit or is not understood is one line and exit code 2."""
    root = str(tmp_path / "host")
    assert simulate(["--root", root, "--cards", "1", "--sku", "ultra", "--also", "2:std"]) == 0
    assert capsys.readouterr().out.count("accel") == 6
    assert simulate(["--root", root, "--cards", "1", "--also", "two:std"]) == 2
    assert simulate(["--root", root, "--cards", "1", "--also", "99:std"]) == 2
    assert simulate(["--root", root, "--script", str(tmp_path / "absent")]) == 2
    assert capsys.readouterr().err.count("\n") == 3

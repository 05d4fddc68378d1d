"""What each source makes of hosts as they are: shared classes, old drivers, half-written files, odd output."""

import os
import shutil
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgate_kit.clock import SystemClock
from airgate_plugin.model import NodeState, Reason
from airgate_plugin.sources.hostfs import HostFiles
from airgate_plugin.sources.qaic_sysfs import EVERY_OTHER, LEISURE, QaicSysfs
from airgate_plugin.sources.qaic_util import QaicUtil, read_rows
from airgate_simulator import apply_link, apply_uncorrected_error, apply_util_mode, plan_socs, write_tree

UTIL = "/opt/qti-aic/tools/qaic-util"

OTHER_RELEASE = """
qid 3
\tstatus:ready
\tPCI Address:0000:CA:00.0
\tSku Type:Pcie Ultra
\tBoard Serial:PN471-12-343016
\tDRAM Total:31299524 KB
\tSome New Key:with:colons
QID 4
\tStatus:Error
\tPCI Address:0000:cb:00.0
\tBoard serial:
\tSku Type:Invalid
"""


def test_another_vendors_accelerator_is_left_alone(tmp_path: Path) -> None:
    """The accel class is shared: an Intel NPU as accel0 is not offered, and ours start at accel1."""
    write_tree(tmp_path / "host", plan_socs(2, "pro", first_accel=1), neighbour=True)
    seen = QaicSysfs(HostFiles(tmp_path / "host")).look().sightings
    assert [(each.address, each.accel) for each in seen] == [("0000:01:00.0", 1), ("0000:17:00.0", 2)]


def test_the_old_drivers_nodes_are_found(host: Path) -> None:
    """The out-of-tree driver has a class of its own and nodes /dev/qaic_aic100_N."""
    old = host / "sys/class/qaic_aic100/qaic_aic100_7"
    old.mkdir(parents=True)
    (old / "device").symlink_to("../../../bus/pci/devices/0000:12:00.0")
    (host / "sys/class/accel/accel2").unlink()
    (host / "dev/qaic_aic100_7").touch()
    seen = {each.address: each for each in QaicSysfs(HostFiles(host)).look().sightings}
    assert seen["0000:12:00.0"].nodes == ("/dev/qaic_aic100_7",)
    assert seen["0000:12:00.0"].accel is None


def test_a_soc_without_a_node_is_seen_without_a_node(host: Path) -> None:
    """On kernels that make the node only after the firmware booted, the PCI device alone is there."""
    (host / "sys/class/accel/accel2").unlink()
    seen = {each.address: each for each in QaicSysfs(HostFiles(host)).look().sightings}
    assert seen["0000:12:00.0"].node_state is NodeState.MISSING


def test_the_old_drivers_readings_are_told_until_qaic_util_tells_them(host: Path) -> None:
    """Temperature and power of a SoC come from sysfs where there is no SDK; a reading that is no number is left out."""
    hwmon = host / "sys/devices/pci0000:00/0000:12:00.0/hwmon/hwmon3"
    hwmon.mkdir(parents=True)
    (hwmon / "temp2_input").write_text("47250\n")
    (hwmon / "power1_input").write_text("18900000\n")
    seen = {each.address: each.facts for each in QaicSysfs(HostFiles(host)).look().sightings}
    assert seen["0000:12:00.0"]["temperature_celsius"] == "47.25"
    assert seen["0000:12:00.0"]["board_power_watts"] == "18.90"
    assert "temperature_celsius" not in seen["0000:13:00.0"]
    (hwmon / "temp2_input").write_text("n/a\n")
    seen = {each.address: each.facts for each in QaicSysfs(HostFiles(host)).look().sightings}
    assert "temperature_celsius" not in seen["0000:12:00.0"]


def test_an_error_is_seen_within_two_looks_and_a_poor_link_within_three(host: Path) -> None:
    """What no decision within seconds hangs on is not read each time; where nothing changed, a look is the last one."""
    source, address = QaicSysfs(HostFiles(host)), "0000:12:00.0"
    first = source.look()
    assert all(one is other for one, other in zip(first.sightings, source.look().sightings, strict=True))
    apply_uncorrected_error(host, address)
    looks = [source.look().sightings for _ in range(EVERY_OTHER)]
    (seen,) = (each for each in looks[-1] if each.address == address)
    assert seen.faults == {Reason.UNCORRECTED_ERRORS: 1}
    apply_link(host, address, "2.5")
    looks = [source.look().sightings for _ in range(LEISURE)]
    assert any(each.degraded for each in looks[-1] if each.address == address)


def test_other_vendors_pci_devices_are_read_once(host: Path, tmp_path: Path) -> None:
    """A server has hundreds; what takes the place of one is another device, whatever was known of the first."""
    place, read = host / "sys/bus/pci/devices/0000:00:1f.0", []
    place.mkdir()
    (place / "vendor").write_text("0x8086\n")

    class Noted(HostFiles):
        def read_text(self, path: str) -> str | None:
            read.append(path)
            return super().read_text(path)

    source = QaicSysfs(Noted(host))
    seen = {each.address for each in source.look().sightings}
    assert [each for each in read if "1f.0" in each] == ["/sys/bus/pci/devices/0000:00:1f.0/vendor"]
    read.clear()
    assert {each.address for each in source.look().sightings} == seen
    assert not [each for each in read if "1f.0" in each]
    shutil.copytree(host / "sys/bus/pci/devices/0000:12:00.0", tmp_path / "card", symlinks=True)
    place.rename(tmp_path / "before")
    (tmp_path / "card").rename(place)
    assert {each.address for each in source.look().sightings} == {*seen, "0000:00:1f.0"}


@pytest.mark.parametrize("name", ["vendor", "device", "class"])
@pytest.mark.parametrize("text", ["", "0x", "garbage\n", "0x17"])
def test_half_written_sysfs_hides_one_soc_and_no_other(host: Path, name: str, text: str) -> None:
    """A file that is read in the middle of a change costs that SoC one look, and raises nothing."""
    (host / "sys/devices/pci0000:00/0000:12:00.0" / name).write_text(text)
    look = QaicSysfs(HostFiles(host)).look()
    assert len(look.sightings) == 7
    assert look.trouble is None


def test_unreadable_sysfs_is_a_trouble_with_a_path(host: Path) -> None:
    """What cannot be read is named; nothing is raised."""
    (host / "sys/class/accel").rename(host / "sys/class/away")
    (host / "sys/class/accel").symlink_to("accel")
    look = QaicSysfs(HostFiles(host)).look()
    assert look.sightings == ()
    assert look.trouble
    assert "sys/class/accel" in look.trouble


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make a device node")
def test_a_node_without_a_device_behind_it_is_offline(host: Path) -> None:
    """A device node whose driver answers "no such device" is offline; opening it does no harm."""
    node = host / "dev/accel/accel2"
    node.unlink()
    os.mknod(node, 0o20660, os.makedev(261, 200))  # the accel class's own number, with nobody behind it
    seen = {each.address: each for each in QaicSysfs(HostFiles(host)).look().sightings}
    assert seen["0000:12:00.0"].node_state is NodeState.OFFLINE
    assert seen["0000:11:00.0"].node_state is NodeState.OPENS


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make device nodes")
def test_made_nodes_belong_to_the_group_as_the_sdk_has_them(tmp_path: Path) -> None:
    """With --device-files mknod a node is a real one, of mode 0660 and the host's group `qaic`, and it opens."""
    write_tree(tmp_path / "host", plan_socs(1, "pro"), device_files="mknod")
    found = (tmp_path / "host/dev/accel/accel0").stat()
    assert stat.S_ISCHR(found.st_mode)
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (0o660, 0, 995)
    (sighting,) = QaicSysfs(HostFiles(tmp_path / "host")).look().sightings
    assert sighting.node_state is NodeState.OPENS


def test_output_of_other_sdk_releases_is_understood() -> None:
    """Key case, units, blank lines and unknown keys do not matter; an empty serial and an invalid SKU are none."""
    look = read_rows(OTHER_RELEASE, "qaic-util")
    first, second = look.sightings
    assert look.trouble is None
    assert (first.address, first.qid, first.status, first.sku) == ("0000:ca:00.0", 3, "ready", "Pcie Ultra")
    assert (first.serial, first.facts) == ("PN471-12-343016", {"dram_total": "31299524 KB"})
    assert (second.qid, second.status, second.sku, second.serial) == (4, "Error", None, None)


@given(st.text() | st.lists(st.sampled_from([*OTHER_RELEASE.splitlines(), "QID 1", "\tPCI Address:"])).map("\n".join))
def test_no_output_breaks_the_parser(text: str) -> None:
    """Whatever the program prints, the answer is rows or a trouble."""
    look = read_rows(text, "qaic-util")
    assert all(each.qid is not None for each in look.sightings)


def test_saved_output_is_read_while_it_is_fresh(host: Path) -> None:
    """A file that a timer on the host writes stands in for the program, until it is a minute old."""
    saved = host / "run/qaic.txt"
    saved.parent.mkdir()
    saved.write_text(OTHER_RELEASE)
    util = QaicUtil(HostFiles(host), "/run/qaic.txt", timeout=5, clock=SystemClock())
    assert len(util.look().sightings) == 2
    os.utime(saved, (1, 1))
    look = util.look()
    assert look.sightings == ()
    assert "is the host's timer running?" in (look.trouble or "")


@pytest.mark.parametrize(
    ("mode", "words"),
    [("hang", "gave no answer in 0.3 s"), ("fail", "failed to open device"), ("garbage", "make no sense")],
)
def test_a_sick_program_is_a_trouble_in_words(host: Path, mode: str, words: str) -> None:
    """Each way in which the query can fail has its own sentence."""
    apply_util_mode(host, mode)
    trouble = QaicUtil(HostFiles(host), UTIL, timeout=0.3 if mode == "hang" else 10, clock=SystemClock()).look().trouble
    assert trouble
    assert words in trouble


def test_a_program_that_cannot_be_run_is_a_trouble_in_words(host: Path) -> None:
    """A file that is no program, and no file at all, are told apart."""
    util = QaicUtil(HostFiles(host), UTIL, timeout=5, clock=SystemClock())
    (host / UTIL.lstrip("/")).write_bytes(b"\x7fELF of another machine")  # still executable
    assert "failed" in (util.look().trouble or "")
    (host / UTIL.lstrip("/")).unlink()
    assert "is not there" in (util.look().trouble or "")


def test_the_hosts_group_is_read_by_name(host: Path) -> None:
    """Odd lines in /etc/group do not matter, and a missing group is none."""
    files = HostFiles(host)
    (host / "etc/group").write_text("broken\nqaic:x:notanumber:\nqaic:x:1234:alice,bob\n")
    assert files.find_group_id("qaic") == 1234
    assert files.find_group_id("video") is None

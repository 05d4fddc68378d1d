"""The kernel's messages: which ones matter, and that one of them brings a fault to the kubelet at once."""

import socket
from pathlib import Path

import pytest

from airgate_kit.names import RESOURCE_QAIC
from airgate_plugin.sources.uevents import concerns_cards, listen
from airgate_simulator import apply_lost_soc, apply_returned_soc, find_socs, plan_socs, write_tree
from tests.plugin.conftest import StartPlugin, fetch, wait_until
from tests.plugin.replayed_kubelet import ReplayedKubelet

OFFLINE = b"offline@/devices/pci0000:00/0000:12:00.0/accel/accel2\0ACTION=offline\0SUBSYSTEM=accel\0"
OTHER = b"change@/devices/virtual/bdi/7:1\0ACTION=change\0SUBSYSTEM=bdi\0"


@pytest.mark.parametrize(
    ("message", "matters"),
    [
        (OFFLINE, True),
        (b"remove@/devices/pci0000:00/0000:12:00.0\0SUBSYSTEM=pci\0", True),
        (b"change@/x\0SUBSYSTEM=qaic_aic100\0", True),
        (OTHER, False),
        (b"change@/x\0SUBSYSTEM=net\0NAME=accel\0", False),
        (b"", False),
        (b"\xff\xfe garbage", False),
    ],
)
def test_only_messages_about_cards_matter(message: bytes, matters: bool) -> None:
    """A busy node's other devices do not let the plugin look."""
    assert concerns_cards(message) == matters


def test_a_message_ends_the_wait_and_so_does_the_end(tmp_path: Path) -> None:
    """What does not concern a card is slept through; the end is noticed at once."""
    heard = listen(str(tmp_path / "uevents"))
    assert heard is not None
    send(tmp_path / "uevents", OTHER)
    send(tmp_path / "uevents", OFFLINE)
    assert heard.wait() is True
    heard.end()
    assert heard.wait() is False
    heard.close()


def test_without_messages_the_plugin_says_so_and_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A place where no socket can be made is one warning."""
    assert listen(str(tmp_path / "absent/uevents")) is None
    assert [record.message for record in caplog.records] == [
        "no uevents: changes are found by looking once in a period"
    ]


def test_the_kernels_own_messages_can_be_had_here() -> None:
    """The netlink socket opens without any privilege."""
    heard = listen("kernel")
    assert heard is not None
    heard.end()
    assert heard.wait() is False
    heard.close()


@pytest.mark.process
def test_a_fault_with_a_message_does_not_wait_for_the_period(
    host: Path, folder: Path, kubelet: ReplayedKubelet, start_plugin: StartPlugin
) -> None:
    """With an hour between two looks a lost SoC is Unhealthy, and Healthy again, as soon as the kernel says so."""
    app = start_plugin(period="3600", qaic_util_period="3600", uevents=str(folder / "uevents"))
    kubelet.wait_list(RESOURCE_QAIC, lambda found: len(found) == 8)
    apply_lost_soc(host, "0000:12:00.0")
    send(folder / "uevents", OFFLINE)
    kubelet.wait_list(RESOURCE_QAIC, lambda found: found["0000:12:00.0"].health == "Unhealthy")
    apply_returned_soc(host, "0000:12:00.0")
    send(folder / "uevents", OFFLINE)
    kubelet.wait_list(RESOURCE_QAIC, lambda found: found["0000:12:00.0"].health == "Healthy")
    wait_until(lambda: fetch(app, "/livez")[0] == 200)


@pytest.mark.process
def test_thirty_two_socs_that_go_at_once_are_all_told(
    host: Path, folder: Path, kubelet: ReplayedKubelet, start_plugin: StartPlugin
) -> None:
    """A storm of messages is not lost in: the last list tells of every SoC."""
    write_tree(host, plan_socs(8, "ultra"))
    start_plugin(period="3600", qaic_util_period="3600", uevents=str(folder / "uevents"))
    kubelet.wait_list(RESOURCE_QAIC, lambda found: len(found) == 32)
    for soc in find_socs(host):
        apply_lost_soc(host, soc.address)
        send(folder / "uevents", OFFLINE)
    kubelet.wait_list(RESOURCE_QAIC, lambda found: {each.health for each in found.values()} == {"Unhealthy"})


def send(path: Path, message: bytes) -> None:
    """Send one message as the kernel would."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(message, str(path))

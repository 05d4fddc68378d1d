"""The firmware's own reply, byte by byte; and what a granted container says of its cards. No real card answered."""

import errno
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgate_plugin.cli import main
from airgate_plugin.exercise import describe_cards, write_cards
from airgate_plugin.model import Observation, PciAddress
from airgate_plugin.policy.merge import Rules, merge_observations
from airgate_plugin.sources.hostfs import HostFiles
from airgate_plugin.sources.qaic_ioctl import QaicIoctl, ask_status, read_reply
from airgate_plugin.sources.qaic_sysfs import QaicSysfs

ADDRESS = PciAddress("0000:12:00.0")


def make_reply(sku: int = 5, serial: bytes = b"PN471-12-343016", status: int = 0, command: int = 14) -> bytes:
    """Return a reply as the firmware writes it."""
    reply = bytearray(512)
    struct.pack_into("=IIIi", reply, 0, 3, 512, command, status)
    reply[24:28] = bytes((1, 20, 0, 3))
    reply[140 : 140 + len(serial)] = serial
    struct.pack_into("=II", reply, 176, 33476608, 31299524)
    reply[190], reply[191], reply[280], reply[340] = 16, 12, 1, sku
    return bytes(reply)


def test_a_reply_tells_what_the_sdk_would_tell() -> None:
    """SKU, serial, firmware, memory, cores and networks, each from its place."""
    found = read_reply(ADDRESS, make_reply())
    assert found is not None
    assert (found.sku, found.serial, found.address) == ("PCIe Ultra", "PN471-12-343016", ADDRESS)
    assert dict(found.facts) == {
        "firmware": "1.20.0.3",
        "dram_total": "33476608 KB",
        "dram_free": "31299524 KB",
        "nsp_total": "16",
        "nsp_free": "12",
        "networks_loaded": "1",
    }


@pytest.mark.parametrize(
    ("reply", "sku", "serial"),
    [
        (make_reply(sku=0), None, "PN471-12-343016"),
        (make_reply(sku=77), None, "PN471-12-343016"),
        (make_reply(serial=b"x" * 32), "PCIe Ultra", "x" * 32),  # without a NUL
        (make_reply(serial=b""), "PCIe Ultra", None),
    ],
)
def test_odd_fields_are_none_rather_than_wrong(reply: bytes, sku: str | None, serial: str | None) -> None:
    """An unknown SKU and an empty serial are not made up, and a full field does not run into the next."""
    found = read_reply(ADDRESS, reply)
    assert found is not None
    assert (found.sku, found.serial) == (sku, serial)


@pytest.mark.parametrize("reply", [b"", make_reply()[:340], make_reply(status=-5), make_reply(command=13)])
def test_what_is_no_reply_says_nothing(reply: bytes) -> None:
    """Short, failed and foreign replies are passed over."""
    assert read_reply(ADDRESS, reply) is None


@given(st.binary(max_size=600))
def test_no_reply_breaks_the_reader(reply: bytes) -> None:
    """Whatever comes, the answer is a sighting or none."""
    read_reply(ADDRESS, reply)


def test_without_the_sdk_the_firmware_names_sku_and_card(host: Path) -> None:
    """sysfs and the ioctl together know what qaic-util would tell, but for the QID."""
    files = HostFiles(host)
    looks = [QaicIoctl(files, lambda _: make_reply()).look(), QaicSysfs(files).look()]
    devices = merge_observations(looks, (), Rules(by_sku=True), 0.0)
    assert {each.resource for each in devices} == {"qualcomm.com/qaic-ultra"}
    assert {each.card for each in devices} == {"PN471-12-343016"}
    assert all(each.qid_computed for each in devices)


def test_the_firmware_alone_makes_no_device() -> None:
    """Without sysfs there is nothing to grant."""
    found = read_reply(ADDRESS, make_reply())
    assert found is not None
    assert merge_observations([Observation("ioctl", (found,))], (), Rules(), 0.0) == ()


def test_a_node_that_may_not_be_asked_is_no_trouble(host: Path) -> None:
    """A simulated node answers nothing, and a container without the right cannot open one: both say nothing."""

    def refuse(path: str) -> bytes:
        raise PermissionError(errno.EPERM, "not permitted", path)

    for ask in (ask_status, refuse):
        assert QaicIoctl(HostFiles(host), ask).look() == Observation("ioctl")


def test_a_container_lists_and_asks_its_cards(host: Path) -> None:
    """Two granted cards of a simulated host: both open, and the report says that no firmware answered."""
    for path in (host / "dev/accel").iterdir():
        if path.name not in ("accel0", "accel1"):
            path.unlink()
    environment = {"QAIC_VISIBLE_DEVICES": "0,1", "QAIC_GID": "995"}
    simulated = describe_cards(host, environment)
    assert simulated["well"]
    assert write_cards(simulated).count("a simulated card?") == 2
    real = describe_cards(host, environment, lambda _: make_reply())
    assert "PCIe Ultra, firmware 1.20.0.3" in write_cards(real)
    assert not describe_cards(host, {"QAIC_VISIBLE_DEVICES": "0,1,2"})["well"]
    (host / "dev/accel/accel0").unlink()
    (host / "dev/accel/accel0").symlink_to("nowhere")
    assert "cannot be opened" in write_cards(describe_cards(host, environment))


def test_without_cards_the_command_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A container that was granted nothing ends with 1, for a human and as JSON."""
    monkeypatch.delenv("QAIC_VISIBLE_DEVICES", raising=False)
    assert main(["cards"]) == 1
    assert "granted: QID none" in capsys.readouterr().out
    assert main(["cards", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["granted"] == []

"""Decisions by table: names, cards, numbers, verdicts, grants."""

from dataclasses import replace

import pytest

from airgate_kit.names import RESOURCE_GPU, RESOURCE_QAIC, RESOURCE_QAIC_BY_SKU
from airgate_plugin.errors import GrantRefused
from airgate_plugin.model import (
    Device,
    DeviceId,
    Health,
    NodeState,
    Observation,
    PciAddress,
    Qid,
    Reason,
    Sighting,
    Snapshot,
    Vendor,
)
from airgate_plugin.policy.grants import plan_grant, plan_grants
from airgate_plugin.policy.health import GRACE_SECONDS, Signs, judge_health
from airgate_plugin.policy.merge import Rules, merge_observations
from airgate_plugin.policy.naming import choose_card, choose_resource
from airgate_plugin.policy.qids import order_as_the_runtime

ADDRESS = PciAddress("0000:01:00.0")
WELL = Health(True, Reason.OK, "", since=0.0)
SEEN = Sighting(Vendor.QUALCOMM, ADDRESS, nodes=("/dev/accel/accel0",), node_state=NodeState.OPENS)


def seen(address: str, **changes: object) -> Sighting:
    """Return what sysfs says of a SoC that is well."""
    return replace(SEEN, address=PciAddress(address), **changes)


def row(address: str, qid: int, **changes: object) -> Sighting:
    """Return what qaic-util says of a SoC that is Ready."""
    sighting = Sighting(Vendor.QUALCOMM, PciAddress(address), qid=Qid(qid), status="Ready", sku="PCIe Pro", serial="A1")
    return replace(sighting, **changes)


def look(*sightings: Sighting, source: str = "sysfs", trouble: str | None = None) -> Observation:
    """Return one look."""
    return Observation(source, sightings, trouble)


@pytest.mark.parametrize(
    ("sku", "by_sku", "resource"),
    [
        ("PCIe", False, RESOURCE_QAIC),
        (None, False, RESOURCE_QAIC),
        ("PCIe", True, RESOURCE_QAIC_BY_SKU["std"]),
        ("PCIe Pro", True, RESOURCE_QAIC_BY_SKU["pro"]),
        ("Pcie Ultra", True, RESOURCE_QAIC_BY_SKU["ultra"]),
        ("PCIe Ultra Plus", True, RESOURCE_QAIC_BY_SKU["ultra"]),
        ("M.2", True, RESOURCE_QAIC),
        (None, True, None),
    ],
)
def test_the_resource_follows_the_sku(sku: str | None, by_sku: bool, resource: str | None) -> None:
    """An unknown SKU is not offered by a guess, and a SKU without a name of its own is generic."""
    assert choose_resource(Vendor.QUALCOMM, sku, by_sku) == resource
    assert choose_resource(Vendor.NVIDIA, sku, by_sku) == RESOURCE_GPU


@pytest.mark.parametrize(
    ("sku", "serial", "card"),
    [
        ("PCIe Ultra", "PN1", ("PN1", 4)),
        ("PCIe Ultra Plus", "PN1", ("PN1", 8)),
        ("PCIe Pro", "PN1", (ADDRESS, 1)),
        ("PCIe Ultra", None, (ADDRESS, 4)),
        (None, None, (ADDRESS, 1)),
    ],
)
def test_the_card_is_the_board_serial_only_where_socs_share_one(
    sku: str | None, serial: str | None, card: tuple[str, int]
) -> None:
    """Two Pro cards with one placeholder serial are two cards."""
    assert choose_card(ADDRESS, sku, serial) == card


def test_computed_qids_follow_the_runtimes_decimal_text_order() -> None:
    """Ten cards come out in the runtime's own odd order, not in the order of their addresses."""
    buses = ["01", "17", "31", "63", "64", "81", "98", "b1", "ca", "e3"]
    in_order = sorted((PciAddress(f"0000:{bus}:00.0") for bus in buses), key=order_as_the_runtime)
    assert [address[5:7] for address in in_order] == ["01", "64", "81", "98", "b1", "ca", "e3", "17", "31", "63"]


def test_qids_come_from_the_operator_then_qaic_util_then_the_order() -> None:
    """Told numbers win over computed ones, and the operator over qaic-util."""
    both = look(seen("0000:01:00.0"), seen("0000:17:00.0"))
    util = look(row("0000:01:00.0", 7), row("0000:17:00.0", 8), source="qaic-util")
    alone = merge_observations([both], (), Rules(), 0.0)
    assert [(each.qid, each.qid_computed) for each in alone] == [(0, True), (1, True)]
    told = merge_observations([both, util], alone, Rules(), 0.0)
    assert [(each.qid, each.qid_computed) for each in told] == [(7, False), (8, False)]
    by_hand = merge_observations([both, util], told, Rules(qids={PciAddress("0000:17:00.0"): Qid(3)}), 0.0)
    assert [each.qid for each in by_hand] == [7, 3]
    silent = merge_observations([both, look(source="qaic-util", trouble="hangs")], told, Rules(), 0.0)
    assert [each.qid for each in silent] == [7, 8]


def test_a_qid_that_moved_to_another_soc_is_forgotten() -> None:
    """No number belongs to two SoCs, also after the runtime counted anew."""
    both = look(seen("0000:01:00.0"), seen("0000:17:00.0"))
    before = merge_observations(
        [both, look(row("0000:01:00.0", 0), row("0000:17:00.0", 1), source="qaic-util")], (), Rules(), 0.0
    )
    after = merge_observations([both, look(row("0000:17:00.0", 0), source="qaic-util")], before, Rules(), 1.0)
    assert [each.qid for each in after] == [None, 0]


def test_a_number_that_the_operator_gave_away_is_not_granted_twice() -> None:
    """Where `qids` gives one SoC the number of another, the other is ill with a reason instead of doubled."""
    both = look(seen("0000:01:00.0"), seen("0000:17:00.0"))
    util = look(row("0000:01:00.0", 0), row("0000:17:00.0", 1), source="qaic-util")
    rules = Rules(qids={PciAddress("0000:01:00.0"): Qid(1)})
    first, second = merge_observations([both, util], (), rules, 0.0)
    assert (first.qid, first.health.healthy) == (1, True)
    assert (second.qid, second.health.reason) == (None, Reason.NO_QID)


def test_a_late_soc_that_nobody_numbered_waits_until_it_is() -> None:
    """While qaic-util fails, a card that is added is seen but not offered as well; then it heals."""
    first = look(seen("0000:01:00.0"))
    util = look(row("0000:01:00.0", 0), source="qaic-util")
    before = merge_observations([first, util], (), Rules(), 0.0)
    both = look(seen("0000:01:00.0"), seen("0000:17:00.0"))
    during = merge_observations([both, look(source="qaic-util", trouble="hangs")], before, Rules(), 1.0)
    assert [each.health.reason for each in during] == [Reason.OK, Reason.NO_QID]
    told = look(row("0000:01:00.0", 0), row("0000:17:00.0", 1), source="qaic-util")
    after = merge_observations([both, told], during, Rules(), 2.0)
    assert all(each.health.healthy for each in after)


def test_qaic_util_alone_makes_no_device() -> None:
    """Without sysfs there is no node to grant, so there is nothing to offer."""
    assert merge_observations([look(), look(row("0000:01:00.0", 0), source="qaic-util")], (), Rules(), 0.0) == ()


def test_the_four_numbers_stay_apart() -> None:
    """QID, accel minor, MHI id and PCI address of one SoC are each kept as they are."""
    sight = seen("0000:17:00.0", accel=5, mhi=9)
    (device,) = merge_observations([look(sight), look(row("0000:17:00.0", 3), source="qaic-util")], (), Rules(), 0.0)
    assert (device.qid, device.accel, device.mhi, device.address) == (3, 5, 9, "0000:17:00.0")


@pytest.mark.parametrize(
    ("sighting", "listed", "reason"),
    [
        (SEEN, True, Reason.OK),
        (replace(SEEN, status="ready"), True, Reason.OK),
        (replace(SEEN, status="Error"), True, Reason.FIRMWARE_ERROR),
        (replace(SEEN, status="Initializing"), True, Reason.INITIALIZING),
        (replace(SEEN, status="Dreaming"), True, Reason.UNKNOWN_STATUS),
        (replace(SEEN, node_state=NodeState.MISSING), True, Reason.OFFLINE),
        (replace(SEEN, node_state=NodeState.OFFLINE, status="Ready"), True, Reason.OFFLINE),
        (replace(SEEN, node_state=NodeState.UNKNOWN), True, Reason.OK),
        (SEEN, False, Reason.UNLISTED),
        (None, True, Reason.GONE),
        (replace(SEEN, vendor=Vendor.NVIDIA, status="ok"), False, Reason.OK),
        (replace(SEEN, vendor=Vendor.NVIDIA, status="lost"), True, Reason.GPU_LOST),
        (replace(SEEN, vendor=Vendor.NVIDIA, status="mig"), True, Reason.MIG_ENABLED),
    ],
)
def test_signs_become_reasons(sighting: Sighting | None, listed: bool, reason: Reason) -> None:
    """Each sign has one reason, and a device that was never well has no grace."""
    health = judge_health(Signs(sighting, listed=listed), None, 0.0)
    assert (health.reason, health.healthy) == (reason, reason is Reason.OK)
    assert health.detail


@pytest.mark.parametrize(
    ("story", "verdicts"),
    [
        ("+i+", "+++"),  # a subsystem restart within the grace is not told
        ("+i" + "i" * 15 + "+++", "+" + "+" * 15 + "---+"),  # longer than 15 s it is, and it heals
        ("+x+++", "+---+"),  # an error counts at once, and good signs must last 2 s
        ("+ix", "++-"),  # an error after a restart counts at once too
        ("ii+i", "--++"),  # never well: no grace; well since: grace
        ("+b" + "b" * 15 + "+++", "+" + "+" * 15 + "---+"),  # a source that cannot look is not believed for ever
    ],
)
def test_a_restart_has_fifteen_seconds_and_everything_heals(story: str, verdicts: str) -> None:
    """One sign a second: + well, i initializing, x error, b blind. What recovers is offered again, always."""
    health: Health | None = None
    told = ""
    for second, sign in enumerate(story):
        word = {"+": "Ready", "i": "Initializing", "x": "Error"}.get(sign)
        sighting = replace(SEEN, status=word) if word else None
        signs = Signs(sighting, blind="sysfs cannot be read" if sign == "b" else "")
        health = judge_health(signs, health, float(second))
        told += "+" if health.healthy else "-"
    assert told == verdicts
    assert GRACE_SECONDS == 15.0


def make_device(address: str, **changes: object) -> Device:
    """Return a device that is well."""
    device = Device(
        DeviceId(address),
        Vendor.QUALCOMM,
        PciAddress(address),
        address,
        1,
        WELL,
        RESOURCE_QAIC,
        qid=Qid(int(address[5:7], 16)),
        nodes=(f"/dev/accel/accel{int(address[5:7], 16)}",),
    )
    return replace(device, **changes)


def test_a_grant_without_a_host_group_has_no_gid() -> None:
    """A host without the group `qaic` gives no QAIC_GID rather than a wrong one."""
    assert dict(plan_grant([make_device("0000:01:00.0")], None).envs) == {"QAIC_VISIBLE_DEVICES": "1"}


def test_an_nvidia_grant_shares_the_control_nodes() -> None:
    """Two GPUs are two UUIDs, two nodes, and the control node once."""
    gpus = [
        make_device(
            f"0000:0{each}:00.0",
            id=DeviceId(f"GPU-{each}"),
            vendor=Vendor.NVIDIA,
            nodes=(f"/dev/nvidia{each}", "/dev/nvidiactl"),
        )
        for each in (1, 2)
    ]
    grant = plan_grant(gpus, 995)
    assert dict(grant.envs) == {"NVIDIA_VISIBLE_DEVICES": "GPU-1,GPU-2"}
    assert grant.nodes == ("/dev/nvidia1", "/dev/nvidiactl", "/dev/nvidia2")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"health": Health(False, Reason.GONE, "it left the bus", 0.0)}, "left the bus"),
        ({"qid": None}, "QID"),
        ({"resource": RESOURCE_GPU}, "has no device"),
    ],
)
def test_what_cannot_be_granted_is_refused(changes: dict[str, object], word: str) -> None:
    """An ill device, one without a number and one of another resource are refused by name."""
    snapshot = Snapshot(1, (make_device("0000:01:00.0", **changes),))
    with pytest.raises(GrantRefused, match=word):
        plan_grants([["0000:01:00.0"]], RESOURCE_QAIC, snapshot)

"""Resets between pods: only where asked for, only where the whole card is free, and always with a way back."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airgate_kit.clock import SystemClock
from airgate_kit.names import RESOURCE_QAIC
from airgate_plugin.config import build_settings
from airgate_plugin.errors import BadSettings, GrantRefused
from airgate_plugin.inventory import Inventory
from airgate_plugin.kubelet.resetter import Resetter
from airgate_plugin.model import Device, Holder, Reason, Snapshot
from airgate_plugin.policy.grants import plan_grants
from airgate_plugin.policy.health import FLAP_LIMIT, Signs, is_lost, judge_health
from airgate_plugin.policy.resets import BAR_SECONDS, HOLD_SECONDS, forgive_falls
from airgate_plugin.sources.hostfs import HostFiles
from airgate_plugin.sources.qaic_reset import reset_soc
from airgate_simulator import find_socs
from airgate_simulator.resets import answer_resets
from airgate_simulator.tree import pci_folder
from tests.fakes.clock_hand import HandClock
from tests.plugin.conftest import StartPlugin, fetch, wait_until
from tests.plugin.replayed_kubelet import ReplayedKubelet
from tests.plugin.test_holdings import find_device, find_line, serve_pods
from tests.plugin.test_policy import SEEN, make_device

ULTRA, PRO = "PCIe Ultra", "PCIe Pro"
CARD_A = [f"0000:1{each}:00.0" for each in range(4)]
CARD_B = [f"0000:2{each}:00.0" for each in range(4)]


def make_card(addresses: list[str], card: str, size: int = 4, sku: str | None = ULTRA) -> list[Device]:
    """Return the SoCs of a card."""
    return [make_device(each, card=card, card_size=size, sku=sku) for each in addresses]


class Rig:
    """A resetter over two Ultra cards, a clock that the test turns, and a list of what was reset."""

    def __init__(self, devices: list[Device]) -> None:
        self.clock, self.inventory = HandClock(), Inventory()
        self.inventory.publish(tuple(devices), {}, None, looked=True)
        self.held: dict[str, Holder] = {}
        self.busy: set[str] = set()
        self.fails = False
        self.reset: list[str] = []
        self.resetter = Resetter(self.inventory, self.clock, lambda device: (int(device.id in self.busy),), self.write)

    def write(self, device: Device) -> None:
        """Note a reset, or fail."""
        if self.fails:
            raise PermissionError(13, "Permission denied", "soc_reset")
        assert self.held.keys().isdisjoint(each.id for each in self.find_card(device)), "somebody holds the card"
        assert {each.id for each in self.find_card(device)} <= self.inventory.find_latest().barred
        self.reset.append(device.id)

    def find_card(self, device: Device) -> list[Device]:
        """Return the SoCs of the card of one."""
        return [each for each in self.inventory.find_latest().devices if each.card == device.card]

    def answer(self, *held: str, pod: str = "digits-0", after: float = 0.0) -> None:
        """Let Pod Resources answer that these are held, some seconds later."""
        before, self.held = self.held, {each: Holder("airgate-deploy", pod, "server") for each in held}
        self.clock.turn(after)
        self.resetter.follow(before, self.held)

    def find_barred(self) -> set[str]:
        """Return what nobody is granted."""
        return set(self.inventory.find_latest().barred)


@pytest.fixture
def rig() -> Rig:
    """Two Ultra cards."""
    return Rig(make_card(CARD_A, "A") + make_card(CARD_B, "B"))


def test_a_soc_is_reset_once_its_card_was_barred_and_is_still_free(rig: Rig) -> None:
    """Barred first, as a whole; reset only after the kubelet was asked again; given back when its signs count again."""
    rig.answer(CARD_A[0])
    rig.answer()
    assert (rig.find_barred(), rig.reset) == (set(CARD_A), [])
    rig.answer(after=BAR_SECONDS / 2)
    assert rig.reset == []
    rig.answer(after=BAR_SECONDS)
    assert rig.reset == [CARD_A[0]]
    rig.answer(after=HOLD_SECONDS / 2)
    assert rig.find_barred() == set(CARD_A)
    rig.answer(after=HOLD_SECONDS)
    assert (rig.find_barred(), rig.reset, rig.resetter.find().done) == (set(), [CARD_A[0]], 1)


def test_a_card_waits_until_all_its_socs_are_free(rig: Rig) -> None:
    """A pod on a neighbouring SoC would die of it; what was let go meanwhile is reset together in the end."""
    rig.answer(CARD_A[0], CARD_A[3])
    rig.answer(CARD_A[3])
    rig.answer(CARD_A[3], after=60)
    assert (rig.find_barred(), rig.reset) == (set(), [])
    rig.answer()
    rig.answer(after=BAR_SECONDS)
    assert rig.reset == [CARD_A[0], CARD_A[3]]


def test_a_grant_that_was_under_way_stops_the_reset(rig: Rig) -> None:
    """A pod that was admitted just before the card was barred is with Pod Resources when it is asked again."""
    rig.answer(CARD_A[0])
    rig.answer()
    rig.answer(CARD_A[2], after=BAR_SECONDS)
    assert (rig.find_barred(), rig.reset) == (set(), [])
    rig.answer()
    rig.answer(after=BAR_SECONDS)
    assert rig.reset == [CARD_A[0], CARD_A[2]]


def test_a_workload_of_the_host_itself_puts_a_reset_off(rig: Rig) -> None:
    """What a vanished pod left on the SoC is what a reset is for; what nobody of ours left beside it is not touched."""
    rig.busy = {CARD_A[0], CARD_A[1]}
    rig.answer(CARD_A[0])
    rig.answer()
    rig.answer(after=60)
    assert (rig.find_barred(), rig.reset) == (set(), [])
    rig.busy = {CARD_A[0]}
    rig.answer()
    rig.answer(after=BAR_SECONDS)
    assert rig.reset == [CARD_A[0]]


@pytest.mark.parametrize("pod", ["digits-0", "digits-1"], ids=["comes back", "another"])
def test_a_pod_that_has_the_soc_before_has_it_as_it_is(rig: Rig, pod: str) -> None:
    """It is counted; the next release is another chance."""
    rig.answer(CARD_A[0], pod="digits-0")
    if pod == "digits-0":
        rig.answer(CARD_A[1])  # the card is in use, so the first SoC waits
    rig.answer(CARD_A[0], pod=pod)
    assert (rig.resetter.find().overtaken, rig.reset) == (1, [])
    rig.answer()
    rig.answer(after=BAR_SECONDS)
    assert CARD_A[0] in rig.reset


def test_a_reset_that_fails_gives_the_card_back(rig: Rig) -> None:
    """It is counted and not tried again and again."""
    rig.fails = True
    rig.answer(CARD_A[0])
    rig.answer()
    rig.answer(after=BAR_SECONDS)
    rig.answer(after=1)
    assert (rig.find_barred(), rig.resetter.find().failed, rig.resetter.find().done) == (set(), 1, 0)


def test_a_kubelet_that_falls_silent_leaves_nothing_barred(rig: Rig) -> None:
    """Without an answer nobody is reset, and no card is kept from anybody."""
    rig.answer(CARD_A[0])
    rig.answer()
    rig.resetter.pause()
    assert rig.find_barred() == set()
    rig.answer()
    rig.answer(after=BAR_SECONDS)
    assert rig.reset == [CARD_A[0]]
    rig.resetter.pause()
    assert rig.find_barred() == set(CARD_A), "it was reset a moment ago"
    rig.clock.turn(HOLD_SECONDS)
    rig.resetter.pause()
    assert rig.find_barred() == set()


@pytest.mark.parametrize(
    "devices",
    [
        make_card(CARD_A, "A", sku=None),
        make_card(CARD_A[:3], "A"),
        [make_device(each, card=each, card_size=4, sku=ULTRA) for each in CARD_A],
    ],
    ids=["SKU unknown", "a SoC not seen", "no board serial"],
)
def test_a_soc_whose_card_is_not_known_is_never_reset(devices: list[Device]) -> None:
    """Who else sits on its card cannot be told."""
    rig = Rig(devices)
    rig.answer(CARD_A[0])
    for _ in range(4):
        rig.answer(after=60)
    assert (rig.find_barred(), rig.reset) == (set(), [])


def test_a_card_of_one_soc_is_a_card(rig: Rig) -> None:
    """A Pro card is free when its only SoC is."""
    rig = Rig([make_device(each, sku=PRO) for each in CARD_A])
    rig.answer(CARD_A[0], CARD_A[1])
    rig.answer(CARD_A[1])
    rig.answer(CARD_A[1], after=BAR_SECONDS)
    assert rig.reset == [CARD_A[0]]


def test_what_is_barred_is_refused_and_not_lost() -> None:
    """The kubelet hears Unhealthy with the reason; nobody takes the card for dead."""
    device = make_device(CARD_A[0])
    snapshot = Snapshot(1, (device,), barred=frozenset(CARD_A))
    (told,) = snapshot.find_devices(RESOURCE_QAIC)
    assert (told.health.healthy, told.health.reason, is_lost(told.health)) == (False, Reason.RESETTING, False)
    with pytest.raises(GrantRefused, match="being reset"):
        plan_grants([[device.id]], RESOURCE_QAIC, snapshot)
    assert snapshot.devices == (device,), "its own signs are as they were"


def test_resets_make_no_flapping_card() -> None:
    """However many pods come and go in ten minutes, their resets do not count as falls."""
    device, barred = make_device(CARD_A[0]), frozenset(CARD_A)
    for second in range(0, 20 * (FLAP_LIMIT + 2), 20):
        for sighting in (None, SEEN):
            before = (device,)
            health = judge_health(Signs(sighting), device.health, float(second))
            (device,) = forgive_falls((replace(device, health=health),), before, barred)
    assert device.health.healthy
    assert device.health.falls == ()


STEPS = st.tuples(
    st.sets(st.sampled_from(CARD_A + CARD_B), max_size=5), st.sets(st.sampled_from(CARD_A)), st.integers(0, 20)
)


@settings(deadline=None)
@given(st.lists(STEPS, max_size=25), st.booleans())
def test_whatever_pods_do_no_held_card_is_reset_and_none_stays_barred(
    story: list[tuple[set[str], set[str], int]], fails: bool
) -> None:
    """`Rig.write` holds each reset to it: nobody has the card, and all of it is barred."""
    rig = Rig(make_card(CARD_A, "A") + make_card(CARD_B, "B"))
    rig.fails = fails
    for held, busy, seconds in story:
        if not held & rig.find_barred():  # the kubelet is refused what is barred
            rig.busy = busy
            rig.answer(*sorted(held), after=seconds)
        else:
            rig.resetter.pause()
    rig.busy = set()
    for _ in range(4):
        rig.answer(after=HOLD_SECONDS)
    assert rig.find_barred() == set()
    assert rig.resetter.find().waiting == frozenset()


@pytest.fixture
def answering_host(host: Path) -> Iterator[Path]:
    """The simulated host, whose SoCs go away for a moment when they are reset."""
    over = threading.Event()
    thread = threading.Thread(target=answer_resets, args=(host, 1.0, SystemClock(), over.is_set))
    thread.start()
    yield host
    over.set()
    thread.join(10)


def test_a_reset_goes_to_the_mhi_device_that_the_soc_has_now(host: Path) -> None:
    """A number from an earlier look may be another SoC's by then; without any device, nothing is written."""
    folder, device = pci_folder(host, CARD_A[2]), make_device(CARD_A[2], mhi=0)
    (before,) = folder.glob("mhi*")
    before.rename(folder / "mhi777")
    reset_soc(HostFiles(host), device)
    written = [path for path in host.rglob("soc_reset") if path.read_text()]
    assert written == [folder / "mhi777/soc_reset"]
    shutil.rmtree(folder / "mhi777")
    with pytest.raises(FileNotFoundError, match="has no MHI device"):
        reset_soc(HostFiles(host), device)


@pytest.mark.process
def test_a_soc_is_reset_between_two_pods(
    answering_host: Path, folder: Path, kubelet: ReplayedKubelet, start_plugin: StartPlugin
) -> None:
    """Over the real protocols: it goes, comes back, and is granted again; the other card notices nothing."""
    with serve_pods(folder / "pods.sock") as pods:
        pods.pods = {CARD_A[0]: "digits-0"}
        app = start_plugin(pod_resources=str(folder / "pods.sock"), pod_resources_period="0.2", reset="true")
        kubelet.wait_list(RESOURCE_QAIC, lambda found: len(found) == 8)
        wait_until(lambda: find_line(fetch(app, "/metrics")[1], "airgate_plugin_device_held", CARD_A[0]))
        pods.pods = {}
        listed = kubelet.wait_list(RESOURCE_QAIC, lambda found: found[CARD_A[1]].health == "Unhealthy")
        assert {each for each in listed if listed[each].health == "Unhealthy"} == set(CARD_A)
        assert find_device(app, CARD_A[1])["reason"] == "resetting"
        with pytest.raises(grpc.RpcError, match="being reset"):
            kubelet.allocate(RESOURCE_QAIC, [CARD_A[1]])
        kubelet.wait_list(RESOURCE_QAIC, lambda found: all(each.health == "Healthy" for each in found.values()), 90)
        assert 'airgate_plugin_resets_total{outcome="done"} 1.0' in fetch(app, "/metrics")[1]
        assert kubelet.allocate(RESOURCE_QAIC, [CARD_A[0]]).container_responses


@pytest.mark.process
def test_nothing_is_reset_where_nobody_asked_for_it(
    host: Path, folder: Path, kubelet: ReplayedKubelet, start_plugin: StartPlugin
) -> None:
    """The setting is off by default: what a vanished pod held is looked at, and not touched."""
    with serve_pods(folder / "pods.sock") as pods:
        pods.pods = {CARD_A[0]: "digits-0"}
        app = start_plugin(pod_resources=str(folder / "pods.sock"), pod_resources_period="0.1")
        wait_until(lambda: find_line(fetch(app, "/metrics")[1], "airgate_plugin_device_held", CARD_A[0]))
        pods.pods = {}
        wait_until(lambda: 'released_devices_total{found="idle"} 1.0' in fetch(app, "/metrics")[1])
    files = [pci_folder(host, soc.address) / f"mhi{soc.mhi}/soc_reset" for soc in find_socs(host)]
    assert [path.read_text() for path in files] == [""] * 8
    assert not app.find_snapshot().barred


def test_a_reset_needs_to_know_who_holds_what() -> None:
    """Without Pod Resources every reset could hit somebody: refused at the start."""
    with pytest.raises(BadSettings, match="who holds what"):
        build_settings([("test", {"reset": "true", "pod_resources": ""})])

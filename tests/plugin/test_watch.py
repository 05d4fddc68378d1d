"""The loop: sources that hang, fail or come late, under a clock that the test turns."""

import threading
from collections.abc import Iterator

import pytest

from airgate_plugin.inventory import Inventory
from airgate_plugin.model import NodeState, Observation, PciAddress, Reason, Sighting, Vendor
from airgate_plugin.policy.health import SETTLE_SECONDS
from airgate_plugin.policy.merge import Rules
from airgate_plugin.watch import FIRST_LOOK_SECONDS, Round, Watch
from tests.fakes.clock_hand import HandClock
from tests.plugin.conftest import wait_until

pytestmark = pytest.mark.process

SOC = Sighting(Vendor.QUALCOMM, PciAddress("0000:01:00.0"), node_state=NodeState.OPENS)


class ScriptedSource:
    """A source whose answer is set by the test; it can hang and it can fail."""

    def __init__(self, name: str, *sightings: Sighting) -> None:
        self.name = name
        self.answer: Observation | Exception = Observation(name, sightings)
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.looks = 0

    def look(self) -> Observation:
        """Answer as scripted."""
        self.looks += 1
        self.may_answer.wait(30)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Rig:
    """A watch over a scripted sysfs and a scripted qaic-util."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.inventory = Inventory()
        self.sysfs, self.util = ScriptedSource("sysfs", SOC), ScriptedSource("qaic-util", SOC)
        rounds = [Round(self.sysfs, 0.01, patience=30.0), Round(self.util, 0.01, patience=30.0)]
        self.watch = Watch(rounds, self.inventory, Rules(), self.clock)

    def find_reason(self) -> Reason | None:
        """Return why the one device is as it is; None before it was seen."""
        devices = self.inventory.find_latest().devices
        return devices[0].health.reason if devices else None


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A rig that is stopped after the test."""
    made = Rig()
    yield made
    made.sysfs.may_answer.set()
    made.util.may_answer.set()
    made.watch.stop()


def test_nothing_is_offered_before_every_source_has_looked(rig: Rig) -> None:
    """QIDs and SKUs that are about to be told are not guessed; and a source that never answers is not waited for."""
    rig.util.may_answer.clear()
    rig.watch.start()
    wait_until(lambda: rig.sysfs.looks > 3)
    assert rig.inventory.find_latest().looked is False
    rig.clock.turn(FIRST_LOOK_SECONDS + 1)
    wait_until(lambda: rig.find_reason() is Reason.OK)
    assert rig.inventory.find_latest().troubles == {"qaic-util": "has not answered since the start"}


def test_a_source_that_hangs_for_ever_is_no_longer_believed(rig: Rig) -> None:
    """After its patience its last answer is dropped; the device falls ill after the grace, and heals."""
    rig.watch.start()
    wait_until(lambda: rig.find_reason() is Reason.OK)
    rig.sysfs.may_answer.clear()
    rig.clock.turn(31)
    wait_until(lambda: rig.find_reason() is Reason.UNSEEN)
    assert rig.inventory.find_latest().devices[0].health.healthy
    rig.clock.turn(15)
    wait_until(lambda: not rig.inventory.find_latest().devices[0].health.healthy)
    rig.sysfs.may_answer.set()
    wait_until(lambda: rig.find_reason() is Reason.SETTLING)
    rig.clock.turn(SETTLE_SECONDS)
    wait_until(lambda: rig.find_reason() is Reason.OK)


def test_a_source_that_raises_does_not_end_the_loop(rig: Rig) -> None:
    """A fault of ours in one source is a trouble with a name; the others go on."""
    rig.util.answer = ValueError("a fault of ours")
    rig.watch.start()
    wait_until(lambda: "a fault of ours" in rig.inventory.find_latest().troubles.get("qaic-util", ""))
    assert rig.find_reason() is Reason.OK
    rig.util.answer = Observation("qaic-util", (SOC,))
    wait_until(lambda: rig.inventory.find_latest().troubles == {})


def test_a_loop_that_stands_still_is_not_alive(rig: Rig) -> None:
    """Liveness follows the loop, not the process."""
    assert rig.watch.is_alive()
    rig.clock.turn(31)
    assert not rig.watch.is_alive()
    rig.watch.start()
    wait_until(rig.watch.is_alive)


def test_every_subscriber_sees_every_change() -> None:
    """Two who wait for the next number both get it; nobody is woken where nothing changed."""
    inventory = Inventory()
    first = inventory.publish((), {}, None, looked=True)
    assert inventory.publish((), {}, None, looked=True) is first
    assert inventory.wait_newer(first.number, timeout=0).number == first.number
    second = inventory.publish((), {"sysfs": "sick"}, None, looked=True)
    assert [inventory.wait_newer(first.number, 0), inventory.wait_newer(first.number, 0)] == [second, second]
    assert inventory.wait_newer(second.number, 60, is_over=lambda: True) is second

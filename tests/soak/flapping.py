"""Twenty-four hours of flapping cards, by a clock that is turned: nothing grows, and what is well is offered again.

Each look reads the simulated host's files, judges, publishes, makes the kubelet's list and the page of metrics.
"""

import random
import tempfile
import threading
from collections import Counter
from pathlib import Path

from airgate_plugin.config import build_settings
from airgate_plugin.inventory import Inventory
from airgate_plugin.kubelet.convert import write_device_list
from airgate_plugin.model import Holdings
from airgate_plugin.policy.merge import Rules, merge_observations
from airgate_plugin.rounds import build_rounds
from airgate_plugin.telemetry import metrics
from airgate_simulator import apply_lost_soc, apply_returned_soc, apply_uncorrected_error, plan_socs, write_tree
from tests.fakes.clock_hand import HandClock

SEED = 20261127
HOURS = 24
LOOK_S = 5.0
CHANCE = 0.2  # of a fault, or of a recovery, at each look
WARM_UP = 1000  # looks, after which nothing may grow any more
MOST_GROWTH_MB = 2.0


def run() -> dict[str, object]:
    """Flap, and compare what the process is after the warm-up with what it is at the end."""
    chance, clock = random.Random(SEED), HandClock()
    with tempfile.TemporaryDirectory() as name:
        host = Path(name) / "host"
        write_tree(host, plan_socs(2, "ultra"))
        flapping = Flapping(host, clock)
        looks = int(HOURS * 3600 / LOOK_S)
        for number in range(looks):
            if chance.random() < CHANCE:
                flapping.change(chance)
            flapping.look()
            clock.turn(LOOK_S)
            if number == WARM_UP:
                before = measure()
        after = measure()
        flapping.recover()
    assert after["threads"] == before["threads"], (before, after)
    assert after["descriptors"] == before["descriptors"], (before, after)
    assert after["resident_mb"] - before["resident_mb"] <= MOST_GROWTH_MB, (before, after)
    return {
        "hours": HOURS,
        "looks": looks,
        "seed": SEED,
        "faults": dict(flapping.faults),
        "before": before,
        "after": after,
    }


class Flapping:
    """A simulated host, and the plugin's way from its files to the kubelet and to Prometheus."""

    def __init__(self, host: Path, clock: HandClock) -> None:
        self.host, self.clock = host, clock
        layer = {"host_root": str(host), "qaic_util": "/nowhere", "exclude": ""}
        self.rounds = build_rounds(build_settings([("soak", layer)]), clock)
        self.inventory = Inventory()
        self.rules = Rules(False, {}, {})
        facts = metrics.Facts(self.inventory.find_latest, list, Holdings)
        self.collector = metrics.PluginCollector(facts, [each.source.name for each in self.rounds], clock)
        self.addresses = [soc.address for soc in plan_socs(2, "ultra")]
        self.lost: set[str] = set()
        self.faults: Counter[str] = Counter()

    def change(self, chance: random.Random) -> None:
        """Let one SoC fall off the bus or come back, or count an error."""
        address = chance.choice(self.addresses)
        if address in self.lost:
            apply_returned_soc(self.host, address)
            self.lost.remove(address)
        elif chance.random() < 0.5:
            apply_lost_soc(self.host, address)
            self.lost.add(address)
            self.faults["lost"] += 1
        else:
            apply_uncorrected_error(self.host, address)
            self.faults["uncorrected error"] += 1

    def look(self) -> int:
        """Look and tell as the running plugin does; return how many devices the kubelet would be offered."""
        looks = [each.source.look() for each in self.rounds]
        before = self.inventory.find_latest().devices
        devices = merge_observations(looks, before, self.rules, self.clock.monotonic())
        snapshot = self.inventory.publish(devices, {}, None, looked=True)
        message = write_device_list(snapshot.devices)
        metrics.write_metrics(self.collector)
        return sum(device.health == "Healthy" for device in message.devices)

    def recover(self) -> None:
        """Let every SoC come back; fail unless all are offered again within the longest hold."""
        for address in sorted(self.lost):
            apply_returned_soc(self.host, address)
        for _ in range(40):
            offered = self.look()
            self.clock.turn(LOOK_S)
        assert offered == len(self.addresses), offered


def measure() -> dict[str, float]:
    """Return what may not grow."""
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    line = next(each for each in Path("/proc/self/status").read_text().splitlines() if each.startswith("VmRSS:"))
    resident = round(int(line.split()[1]) / 1024, 1)
    return {"threads": threading.active_count(), "descriptors": descriptors, "resident_mb": resident}

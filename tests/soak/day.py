"""A day of the whole plugin, in a quarter of an hour: process, threads, gRPC and HTTP, by a clock that runs faster.

Cards flap, the kubelet restarts once an hour, pods are granted cards, Prometheus reads: and nothing grows. What a
timer of the machine paces (the poll for a new kubelet, say) keeps its own time.
"""

import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from contextlib import suppress
from pathlib import Path

import grpc

from airgate_kit import names
from airgate_plugin.app import App
from airgate_plugin.config import build_settings
from airgate_simulator import apply_lost_soc, apply_returned_soc, apply_uncorrected_error, plan_socs, write_tree
from tests.fakes.clock_fast import FastClock
from tests.kit.process import measure
from tests.plugin.replayed_kubelet import ReplayedKubelet

SEED = 20261128
RATE = 100  # seconds of the plugin's clock in one of the machine's
HOURS = 24
LOOK_S = 5.0  # by the plugin's clock, as are the next two
FAULT_S = 20.0
SCRAPE_S = 60.0
WARM_UP_HOURS = 2
MOST_GROWTH_MB = 3.0
PATIENCE_S = 30.0


def run() -> dict[str, object]:
    """Let the day pass, and compare what the plugin is after two hours with what it is at the end."""
    chance = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="airgate-day-") as name:
        day = Day(Path(name), chance)
        try:
            hours = [day.pass_hour() for _ in range(HOURS)]
            day.recover()
        finally:
            day.end()
    before, after = hours[WARM_UP_HOURS - 1], hours[-1]
    assert after["threads"] <= before["threads"] + 1, (before, after)  # gRPC's pool breathes by one
    assert after["descriptors"] <= before["descriptors"] + 2, (before, after)
    assert after["resident_mb"] - before["resident_mb"] <= MOST_GROWTH_MB, (before, after)
    return {"hours": HOURS, "rate": RATE, "seed": SEED, **day.counts, "before": before, "after": after}


class Day:
    """A plugin in a process of its own, its simulated host, and a kubelet that is played."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder, self.chance = folder, chance
        self.addresses = [soc.address for soc in plan_socs(2, "ultra")]
        write_tree(folder / "host", plan_socs(2, "ultra"))
        self.lost: set[str] = set()
        self.counts: Counter[str] = Counter()
        self.kubelet = ReplayedKubelet(folder / "kubelet")
        self.kubelet.start()
        with (folder / "plugin.log").open("wb") as log:
            self.plugin = subprocess.Popen(
                [sys.executable, "-m", "tests.soak.day", str(folder)], stdout=log, stderr=log
            )
        self.wait_offered()
        self.port = json.loads((folder / "plugin.log").read_text().splitlines()[0])["port"]

    def pass_hour(self) -> dict[str, float]:
        """Let an hour of the plugin's clock pass and a kubelet start in it; return what the plugin is then."""
        end = time.monotonic() + 3600 / RATE
        scraped = 0.0
        while (now := time.monotonic()) < end:
            self.change()
            self.grant()
            if now - scraped >= SCRAPE_S / RATE:
                scraped = now
                self.scrape()
            time.sleep(FAULT_S / RATE)
        self.kubelet.restart()
        self.counts["kubelet restarts"] += 1
        self.wait_offered()
        return measure(self.plugin.pid)

    def change(self) -> None:
        """Let one SoC fall off the bus or come back, or count an error."""
        host, address = self.folder / "host", self.chance.choice(self.addresses)
        if address in self.lost:
            apply_returned_soc(host, address)
            self.lost.remove(address)
        elif self.chance.random() < 0.5:
            apply_lost_soc(host, address)
            self.lost.add(address)
            self.counts["lost"] += 1
        else:
            apply_uncorrected_error(host, address)
            self.counts["uncorrected errors"] += 1

    def grant(self) -> None:
        """Ask for a device, as a pod does; one that is ill is refused."""
        try:
            self.kubelet.allocate(names.RESOURCE_QAIC, [self.chance.choice(self.addresses)])
            self.counts["granted"] += 1
        except grpc.RpcError as refused:
            assert refused.code() is grpc.StatusCode.FAILED_PRECONDITION, refused
            self.counts["refused"] += 1

    def scrape(self) -> None:
        """Read the metrics, as Prometheus does."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as page:
            assert b"airgate_plugin_devices" in page.read()
        self.counts["scrapes"] += 1

    def recover(self) -> None:
        """Let every SoC come back; fail unless all are offered again within the longest hold."""
        for address in sorted(self.lost):
            apply_returned_soc(self.folder / "host", address)
        self.kubelet.wait_list(
            names.RESOURCE_QAIC, lambda found: all(each.health == "Healthy" for each in found.values()), PATIENCE_S
        )

    def wait_offered(self) -> None:
        """Wait until the kubelet has a list of every SoC; what it keeps of older lists is let go."""
        found = self.kubelet.wait_list(names.RESOURCE_QAIC, lambda found: len(found) == len(self.addresses), PATIENCE_S)
        assert set(found) == set(self.addresses)
        self.kubelet.endpoints[names.RESOURCE_QAIC].lists[:-1] = []

    def end(self) -> None:
        """End the plugin, which must end cleanly, and the kubelet."""
        self.plugin.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.plugin.wait(PATIENCE_S)
        self.plugin.kill()
        self.kubelet.stop()
        assert self.plugin.returncode == 0, (self.folder / "plugin.log").read_text()[-2000:]


def serve(folder: Path) -> None:
    """Be the plugin, by a clock that runs faster, until SIGTERM."""
    layer = {"host_root": str(folder / "host"), "host_prefix": str(folder / "host"), "http": "127.0.0.1:0"}
    layer |= {"kubelet_dir": str(folder / "kubelet"), "pod_resources": "", "uevents": "none"}
    layer |= {"cdi_dir": str(folder / "cdi"), "features_file": str(folder / "features")}
    layer |= {"period": str(LOOK_S / RATE), "qaic_util_period": str(2 * LOOK_S / RATE)}
    (folder / "cdi").mkdir()
    app = App(build_settings([("soak", layer)]), FastClock(RATE))
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    print(json.dumps({"port": app.port}), flush=True)
    app.start()
    over.wait()
    app.stop()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))

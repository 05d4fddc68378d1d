"""The composition root: builds the parts, starts them, and stops them in the right order."""

import logging
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from airgate_kit.clock import Clock
from airgate_plugin.config import Settings
from airgate_plugin.inventory import Inventory
from airgate_plugin.kubelet.cdi import CdiFiles
from airgate_plugin.kubelet.holders import Holders
from airgate_plugin.kubelet.registrar import Registrar
from airgate_plugin.kubelet.registrars import Registrars
from airgate_plugin.kubelet.resetter import Resetter
from airgate_plugin.model import Registration, Snapshot, Vendor
from airgate_plugin.policy.merge import Rules
from airgate_plugin.rounds import build_rounds, find_bells, find_machine
from airgate_plugin.sources.hostfs import HostFiles
from airgate_plugin.sources.nvidia_libraries import GpuLibraries
from airgate_plugin.sources.qaic_channels import read_channels
from airgate_plugin.sources.qaic_reset import reset_soc
from airgate_plugin.telemetry import devices
from airgate_plugin.telemetry.api_server import ApiServer
from airgate_plugin.telemetry.events import NodeEvents
from airgate_plugin.telemetry.features import FeatureFile
from airgate_plugin.telemetry.http import HttpDoor, Page
from airgate_plugin.telemetry.readiness import explain_unready
from airgate_plugin.watch import Watch

log = logging.getLogger("airgate_plugin")

FOLLOW_SECONDS = 5.0
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")  # where Kubernetes mounts the pod's token


@dataclass(frozen=True, slots=True)
class _Parts:
    inventory: Inventory
    watch: Watch
    door: HttpDoor


class App:
    """The running plugin."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Build everything; only the HTTP port is opened. Raises HostUnreadable or CannotServe."""
        self._settings = settings
        self._clock = clock
        self._registrars = Registrars(self._make_registrar)
        self._over = threading.Event()
        libraries = GpuLibraries(find_machine(settings), settings.nvidia_libraries or None)
        self._cdi = CdiFiles(settings.cdi_dir, libraries.find)
        rounds = build_rounds(settings, clock)
        inventory = Inventory()
        rules = Rules(settings.sku_resources, settings.resources, settings.qids)
        watch = Watch(rounds, inventory, rules, clock, find_bells(settings, rounds))
        self._features = FeatureFile(settings.features_file)
        host = HostFiles(settings.host_root)
        channels = partial(read_channels, host)
        resetter = Resetter(inventory, clock, channels, partial(reset_soc, host)) if settings.reset else None
        period = settings.pod_resources_period
        self._holders = Holders(settings.pod_resources, period, inventory, clock, channels, resetter)
        api = ApiServer(settings.events, SERVICE_ACCOUNT) if settings.events else None
        self._events = NodeEvents(api, settings.node_name, inventory, clock)
        self._sources = [each.source.name for each in rounds]
        pages = {
            "/livez": self._make_livez,
            "/readyz": self._make_readyz,
            "/devices": self._make_devices,
            "/metrics": self._make_metrics,
        }
        self._parts = _Parts(inventory, watch, HttpDoor(*settings.http, pages))
        self._thread = threading.Thread(target=self._follow_resources, name="resources", daemon=True)

    @property
    def port(self) -> int:
        """Return the HTTP port."""
        return self._parts.door.port

    def start(self) -> None:
        """Start all parts; returns at once."""
        self._parts.door.start()
        self._parts.watch.start()
        self._registrars.start()
        self._thread.start()
        self._holders.start()
        self._events.start()
        log.info("started", extra={"fields": {"port": self.port, "host_root": str(self._settings.host_root)}})

    def stop(self) -> None:
        """Stop all parts, the kubelet's first, so that it notices at once. Can be repeated."""
        if self._over.is_set():
            return
        self._over.set()
        self._parts.inventory.wake()
        self._thread.join()
        self._registrars.stop()
        self._holders.stop()
        self._events.stop()
        self._parts.watch.stop()
        self._parts.door.stop()
        log.info("stopped")

    def find_snapshot(self) -> Snapshot:
        """Return the latest snapshot."""
        return self._parts.inventory.find_latest()

    def find_registrations(self) -> list[Registration]:
        """Return how each resource stands with the kubelet."""
        return self._registrars.read_states()

    def _follow_resources(self) -> None:
        """Tell the kubelet, and the files that others read, of every change; at each round a lost file comes back."""
        snapshot, followed = self.find_snapshot(), -1
        while not self._over.is_set():
            self._cdi.apply(snapshot)  # before the kubelet hears of a device, a container can have it
            if snapshot.number != followed:
                self._registrars.follow(snapshot)
            self._features.apply(snapshot)
            followed = snapshot.number
            snapshot = self._parts.inventory.wait_newer(followed, FOLLOW_SECONDS, self._over.is_set)

    def _make_registrar(self, resource: str, snapshot: Snapshot) -> Registrar:
        settings = self._settings
        is_nvidia = snapshot.find_devices(resource)[0].vendor is Vendor.NVIDIA
        prefix = "" if is_nvidia else settings.host_prefix
        inventory, folder = self._parts.inventory, settings.kubelet_dir
        return Registrar(resource, folder, inventory, prefix, self._cdi, self._clock, settings.packing)

    def _make_livez(self) -> Page:
        dead = self._registrars.find_dead()
        if dead or not self._parts.watch.is_alive():
            return Page(503, f"not alive: {', '.join(dead) or 'the watch loop'}\n".encode())
        return Page(200, b"alive\n")

    def _make_devices(self) -> Page:
        return Page(200, devices.write_devices(self.find_snapshot(), self._holders.find()), devices.CONTENT_TYPE)

    def _make_metrics(self) -> Page:
        from airgate_plugin.telemetry import metrics  # a tenth of a start, which need not wait for the first scrape

        holders, find_snapshot = self._holders, self._parts.inventory.find_latest
        facts = metrics.Facts(find_snapshot, self.find_registrations, holders.find, holders.find_resets)
        collector = metrics.PluginCollector(facts, self._sources, self._clock)
        return Page(200, metrics.write_metrics(collector), metrics.CONTENT_TYPE)

    def _make_readyz(self) -> Page:
        reasons = explain_unready(self.find_snapshot(), self.find_registrations())
        return Page(503, "\n".join([*reasons, ""]).encode()) if reasons else Page(200, b"ready\n")

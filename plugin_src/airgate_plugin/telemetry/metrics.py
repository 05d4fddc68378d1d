"""The metrics, worked out from the latest facts at each scrape; nothing is counted twice or kept here."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from airgate_kit.clock import Clock
from airgate_plugin.model import Device, DeviceId, Holdings, Registration, Snapshot
from airgate_plugin.policy.resets import Resets

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

UNITS = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
READINGS = (  # the fact's name, the family's name after airgate_plugin_, its meaning
    ("temperature_celsius", "temperature_celsius", "Of the SoC or the GPU"),
    ("board_power_watts", "board_power_watts", "Of the whole board: each SoC of a card tells the same"),
    ("dram_total", "memory_total_bytes", "Of the device's own memory"),
    ("dram_free", "memory_free_bytes", "Of the device's own memory"),
    ("nsp_total", "nsps_total", "Neural cores of a SoC"),
    ("nsp_free", "nsps_free", "Neural cores that no workload has"),
    ("networks_loaded", "networks_loaded", "Networks in a SoC"),
    ("corrected_errors", "corrected_errors", "Memory errors that the hardware corrected, since the host started"),
)
DEVICE_LABELS = ("resource", "device", "card", "vendor", "sku", "reason")


@dataclass(frozen=True, slots=True)
class Facts:
    """Where the facts are asked for, at each scrape."""

    find_snapshot: Callable[[], Snapshot]
    find_registrations: Callable[[], Sequence[Registration]]
    find_holdings: Callable[[], Holdings]
    find_resets: Callable[[], Resets] = Resets


class PluginCollector(Collector):
    """Turns facts into metric families."""

    def __init__(self, facts: Facts, sources: Sequence[str], clock: Clock) -> None:
        """Read facts through the functions; `sources` are the names of those that look."""
        self._facts = facts
        self._sources = sources
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Yield every family; their names and labels are in the README's table."""
        snapshot = self._facts.find_snapshot()
        yield from _collect_devices(snapshot.find_told())
        yield from map(_collect_reading, READINGS, repeat(snapshot.devices))
        yield from _collect_holdings(self._facts.find_holdings(), snapshot.devices)
        yield _collect_resets(self._facts.find_resets())
        yield from _collect_registrations(self._facts.find_registrations(), self._clock.monotonic())
        sources = GaugeMetricFamily("airgate_plugin_source_ok", "1 while this source can look", labels=["source"])
        for source in self._sources:
            sources.add_metric([source], float(source not in snapshot.troubles))
        yield sources


def read_amount(text: str) -> float | None:
    """Return the number of a fact as a source wrote it, memory in bytes: "45", "48.00", "32692 MB", "31299524 KB"."""
    number, _, unit = text.strip().partition(" ")
    try:
        return float(number) * UNITS[unit.strip().upper()]
    except (KeyError, ValueError):
        return None


def write_metrics(collector: Collector) -> bytes:
    """Return the text that Prometheus scrapes."""
    registry = CollectorRegistry()
    registry.register(collector)
    return generate_latest(registry)


def _collect_devices(devices: Sequence[Device]) -> Iterator[Metric]:
    each = GaugeMetricFamily("airgate_plugin_device_healthy", "1 while the device is well", labels=DEVICE_LABELS)
    total = GaugeMetricFamily("airgate_plugin_devices", "Devices by health", labels=["resource", "health"])
    for device in devices:
        each.add_metric(_label(device), float(device.health.healthy))
    for (resource, health), count in Counter(map(_group, devices)).items():
        total.add_metric([resource, health], count)
    yield each
    yield total


def _collect_reading(reading: tuple[str, str, str], devices: Sequence[Device]) -> Metric:
    """Return one family of what the firmware tells; a device that tells nothing has no line."""
    fact, name, meaning = reading
    family = GaugeMetricFamily(f"airgate_plugin_{name}", meaning, labels=["resource", "device", "card"])
    for device in devices:
        amount = read_amount(device.facts.get(fact, ""))
        if amount is not None:
            family.add_metric([device.resource or "", device.id, device.card], amount)
    return family


def _collect_holdings(holdings: Holdings, devices: Sequence[Device]) -> Iterator[Metric]:
    labels = ["resource", "device", "namespace", "pod", "container"]
    held = GaugeMetricFamily("airgate_plugin_device_held", "1 for the container that holds the device", labels=labels)
    resources = {device.id: device.resource or "" for device in devices}
    for each, holder in holdings.held.items():
        held.add_metric([resources.get(DeviceId(each), ""), each, holder.namespace, holder.pod, holder.container], 1)
    released = CounterMetricFamily("airgate_plugin_released_devices", "Let go by a pod that is gone", labels=["found"])
    for word in ("idle", "busy", "unknown"):
        released.add_metric([word], getattr(holdings, word))
    leftover = GaugeMetricFamily(
        "airgate_plugin_device_leftover",
        "1 while a workload sits on the device whose pod is gone",
        labels=["resource", "device", "card"],
    )
    for device in devices:
        leftover.add_metric([device.resource or "", device.id, device.card], float(device.id in holdings.leftover))
    yield from (held, released, leftover)


def _collect_resets(resets: Resets) -> Metric:
    family = CounterMetricFamily("airgate_plugin_resets", "Of SoCs between two pods", labels=["outcome"])
    for word in ("done", "failed", "overtaken"):
        family.add_metric([word], getattr(resets, word))
    return family


def _collect_registrations(registrations: Sequence[Registration], now: float) -> Iterator[Metric]:
    streams = GaugeMetricFamily("airgate_plugin_stream_open", "1 while the kubelet listens", labels=["resource"])
    age = GaugeMetricFamily(
        "airgate_plugin_last_message_age_seconds", "Since the kubelet was last sent a list", labels=["resource"]
    )
    counts = {
        "registrations": CounterMetricFamily("airgate_plugin_registrations", "At the kubelet", labels=["resource"]),
        "granted": CounterMetricFamily("airgate_plugin_granted_devices", "Devices granted", labels=["resource"]),
        "refused": CounterMetricFamily("airgate_plugin_refused_grants", "Grants refused", labels=["resource"]),
    }
    for each in registrations:
        streams.add_metric([each.resource], float(each.streams > 0))
        if each.last_message_at is not None:
            age.add_metric([each.resource], now - each.last_message_at)
        for name, family in counts.items():
            family.add_metric([each.resource], getattr(each, name))
    yield from (streams, age, *counts.values())


def _label(device: Device) -> tuple[str, ...]:
    resource, sku = device.resource or "", device.sku or ""
    return (resource, device.id, device.card, str(device.vendor), sku, str(device.health.reason))


def _group(device: Device) -> tuple[str, str]:
    return device.resource or "", "healthy" if device.health.healthy else "unhealthy"

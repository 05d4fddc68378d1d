"""The metrics, worked out from the latest facts at each scrape; nothing is counted twice or kept here."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from airgate_kit.clock import Clock
from airgate_plugin.model import Device, Registration, Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

DEVICE_LABELS = ("resource", "device", "card", "vendor", "sku", "reason")


class PluginCollector(Collector):
    """Turns facts into metric families."""

    def __init__(
        self,
        find_snapshot: Callable[[], Snapshot],
        find_registrations: Callable[[], Sequence[Registration]],
        sources: Sequence[str],
        clock: Clock,
    ) -> None:
        """Read facts through the two functions; `sources` are the names of those that look."""
        self._find_snapshot = find_snapshot
        self._find_registrations = find_registrations
        self._sources = sources
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Yield every family; their names and labels are in the README's table."""
        snapshot = self._find_snapshot()
        yield from _collect_devices(snapshot.devices)
        yield from _collect_registrations(self._find_registrations(), self._clock.monotonic())
        sources = GaugeMetricFamily("airgate_plugin_source_ok", "1 while this source can look", labels=["source"])
        for source in self._sources:
            sources.add_metric([source], float(source not in snapshot.troubles))
        yield sources


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

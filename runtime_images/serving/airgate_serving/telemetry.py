"""Metrics as Prometheus reads them, made from the meter when they are asked for."""

from collections.abc import Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector, CollectorRegistry

from airgate_serving.engine.dataplane import DataPlane
from airgate_serving.engine.meter import BOUNDS, Histogram
from airgate_serving.errors import NotReady


class Metrics(Collector):
    """Every metric of one runtime; README.md lists them."""

    def __init__(self, plane: DataPlane) -> None:
        """Read from `plane` at every scrape."""
        self._plane = plane
        self._labels = {"model": plane.model.name, "version": plane.model.version}
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def render(self) -> bytes:
        """Return the metrics page."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; called by the registry."""
        yield self._count_requests()
        yield self._measure_stages()
        yield from self._count_batches()
        yield from self._tell_state()

    def _count_requests(self) -> Metric:
        names = [*self._labels, "door", "function", "status"]
        metric = CounterMetricFamily("airgate_requests", "Requests answered.", labels=names)
        for (door, function, status), count in list(self._plane.meter.requests.items()):
            metric.add_metric([*self._labels.values(), door, function, str(status)], count)
        return metric

    def _measure_stages(self) -> Metric:
        metric = HistogramMetricFamily(
            "airgate_stage_seconds", "Seconds in queue, compute and codec.", labels=[*self._labels, "function", "stage"]
        )
        for function, stages in list(self._plane.meter.stages.items()):
            for stage, histogram in stages.items():
                labels = [*self._labels.values(), function, stage]
                metric.add_metric(labels, _read_buckets(histogram), histogram.total)
        return metric

    def _count_batches(self) -> Iterator[Metric]:
        meter = self._plane.meter
        runs = CounterMetricFamily("airgate_batches", "Runs of the model.", labels=[*self._labels])
        runs.add_metric([*self._labels.values()], meter.batches)
        rows = CounterMetricFamily("airgate_batched_rows", "Rows in all runs.", labels=[*self._labels])
        rows.add_metric([*self._labels.values()], meter.batched_rows)
        yield from (runs, rows)

    def _tell_state(self) -> Iterator[Metric]:
        inside = GaugeMetricFamily("airgate_requests_in_flight", "Requests waiting or running.")
        inside.add_metric([], self._plane.admission.in_flight)
        ready = GaugeMetricFamily("airgate_ready", "1 while requests should be sent here.")
        ready.add_metric([], float(self._plane.is_ready()))
        device = GaugeMetricFamily(
            "airgate_device",
            "1; labels say where the model computes and what it was granted.",
            labels=["device", "granted"],
        )
        device.add_metric([self._find_device(), self._plane.model.granted], 1)
        yield from (inside, ready, device)

    def _find_device(self) -> str:
        try:
            return self._plane.info.device
        except NotReady:
            return ""


def _read_buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Return cumulative counts by upper bound, as Prometheus wants them."""
    buckets, count = [], 0
    for bound, here in zip([*map(str, BOUNDS), "+Inf"], histogram.counts, strict=True):
        count += here
        buckets.append((bound, float(count)))
    return buckets

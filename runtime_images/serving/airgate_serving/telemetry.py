"""Metrics as Prometheus reads them, made from the meter when they are asked for."""

from collections.abc import Callable, Iterator

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
from airgate_serving.engine.models import Models
from airgate_serving.errors import NotReady

LABELS = ["model", "version"]


class Metrics(Collector):
    """Every metric of one runtime; README.md lists them."""

    def __init__(self, models: Models, count_spans: Callable[[], tuple[int, int]] = lambda: (0, 0)) -> None:
        """Read from `models` at every scrape; `count_spans` gives the spans that were sent and those dropped."""
        self._models, self._count_spans = models, count_spans
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
        yield from self._tell_spans()
        yield from self._tell_state()

    def _count_requests(self) -> Metric:
        names = [*LABELS, "door", "function", "status"]
        metric = CounterMetricFamily("airgate_requests", "Requests answered.", labels=names)
        for plane in self._models.planes:
            for (door, function, status), count in list(plane.meter.requests.items()):
                metric.add_metric([*_label(plane), door, function, str(status)], count)
        return metric

    def _measure_stages(self) -> Metric:
        metric = HistogramMetricFamily(
            "airgate_stage_seconds", "Seconds in queue, compute and codec.", labels=[*LABELS, "function", "stage"]
        )
        for plane in self._models.planes:
            for function, stages in list(plane.meter.stages.items()):
                for stage, histogram in stages.items():
                    metric.add_metric([*_label(plane), function, stage], _read_buckets(histogram), histogram.total)
        return metric

    def _count_batches(self) -> Iterator[Metric]:
        runs = CounterMetricFamily("airgate_batches", "Runs of the model.", labels=LABELS)
        rows = CounterMetricFamily("airgate_batched_rows", "Rows in all runs.", labels=LABELS)
        for plane in self._models.planes:
            runs.add_metric(_label(plane), plane.meter.batches)
            rows.add_metric(_label(plane), plane.meter.batched_rows)
        yield from (runs, rows)

    def _tell_spans(self) -> Iterator[Metric]:
        sent, dropped = self._count_spans()
        yield CounterMetricFamily("airgate_spans_sent", "Spans that the collector of traces took.", value=sent)
        yield CounterMetricFamily("airgate_spans_dropped", "Spans that nobody took in time.", value=dropped)

    def _tell_state(self) -> Iterator[Metric]:
        inside = GaugeMetricFamily("airgate_requests_in_flight", "Requests waiting or running.")
        inside.add_metric([], self._models.in_flight)
        ready = GaugeMetricFamily("airgate_ready", "1 while requests should be sent here.")
        ready.add_metric([], float(self._models.is_ready()))
        device = GaugeMetricFamily(
            "airgate_device",
            "1; labels say where the model computes and what it was granted.",
            labels=["device", "granted"],
        )
        for name, granted in sorted({(_find_device(plane), plane.model.granted) for plane in self._models.planes}):
            device.add_metric([name, granted], 1)
        yield from (inside, ready, device)


def _label(plane: DataPlane) -> list[str]:
    return [plane.model.name, plane.model.version]


def _find_device(plane: DataPlane) -> str:
    try:
        return plane.info.device
    except NotReady:
        return ""


def _read_buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Return cumulative counts by upper bound, as Prometheus wants them."""
    buckets, count = [], 0
    for bound, here in zip([*map(str, BOUNDS), "+Inf"], histogram.counts, strict=True):
        count += here
        buckets.append((bound, float(count)))
    return buckets

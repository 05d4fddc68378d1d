"""Is it alive, is it ready, what did it count: for Kubernetes, Envoy and Prometheus."""

from collections import Counter
from collections.abc import Iterator

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from airgate_web.api.access import AtDesk
from airgate_web.domain.job import JobCount, JobState
from airgate_web.domain.workload import ReplicaState
from airgate_web.services.deployments import list_deployments
from airgate_web.services.desk import Desk

router = APIRouter(include_in_schema=False)


@router.get("/livez")
async def read_alive() -> dict[str, str]:
    """Answer as long as the event loop turns."""
    return {"status": "alive"}


@router.get("/readyz")
def read_ready(desk: AtDesk) -> dict[str, str]:
    """Answer 200 when the database answers, 503 with the reason otherwise."""
    desk.store.find_wish_number()
    return {"status": "ready"}


@router.get("/metrics")
def read_metrics(desk: AtDesk) -> Response:
    """Answer in Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(DeskCollector(desk))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class DeskCollector(Collector):
    """Reads the figures at the moment of the scrape."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def collect(self) -> Iterator[Metric]:
        """Yield uploads and trials by outcome since the start, and deployments and jobs by state now."""
        for deed, what in (("upload", "Model files published or refused"), ("trial", "Tests of models")):
            counter = CounterMetricFamily(f"airgate_web_{deed}s", f"{what}, by outcome.", labels=["outcome"])
            for (counted, outcome), count in sorted(self._desk.meter.read().items()):
                if counted == deed:
                    counter.add_metric([outcome], count)
            yield counter
        states = Counter(view.state for view in list_deployments(self._desk))
        gauge = GaugeMetricFamily("airgate_web_deployments", "Deployments by state.", labels=["state"])
        for state in ReplicaState:
            gauge.add_metric([state.value], states[state])
        yield gauge
        yield from self._collect_jobs()

    def _collect_jobs(self) -> Iterator[Metric]:
        """Yield jobs and the rows that they have answered. Gauges: a job that is deleted takes its rows along."""
        counts = self._desk.store.count_jobs()
        jobs = GaugeMetricFamily("airgate_web_jobs", "Jobs by state.", labels=["state"])
        rows = GaugeMetricFamily("airgate_web_job_rows", "Rows that jobs have answered, by state.", labels=["state"])
        for state in JobState:
            count = counts.get(state, JobCount())
            jobs.add_metric([state.value], count.jobs)
            rows.add_metric([state.value], count.rows)
        yield from (jobs, rows)

"""What the reconciler counts, for /metrics; and when it last turned, for its probes."""

from collections import Counter as Tally
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from airgate_kit.clock import Clock
from airgate_web.domain.deployment import Deployment
from airgate_web.domain.reach import judge_reach
from airgate_web.domain.workload import ReplicaState
from airgate_web.ports import Store

STUCK_SECONDS = 120.0  # a loop that has not turned for so long is not alive
STALE_SECONDS = 30.0  # without a good round for so long it is not ready


class Meter:
    """Counters in a registry of their own."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.registry = CollectorRegistry()
        self.rounds = Counter(
            "airgate_reconciler_rounds", "Rounds, good and failed.", ["outcome"], registry=self.registry
        )
        self.actions = Counter(
            "airgate_reconciler_actions", "Actions sent to the cluster.", ["action", "outcome"], registry=self.registry
        )
        self.deployments = Gauge("airgate_deployments", "Deployments by state.", ["state"], registry=self.registry)
        self.turned = clock.monotonic()
        self.good: float | None = None

    def count_round(self, *, good: bool) -> None:
        """Count one round, and remember when."""
        self.rounds.labels("good" if good else "failed").inc()
        self.turned = self.clock.monotonic()
        if good:
            self.good = self.turned

    def count_states(self, store: Store, deployments: Sequence[Deployment]) -> None:
        """Count the deployments by state."""
        reports, now = store.list_reports(), self.clock.now()
        found = [(deployment, store.find_status(deployment.id)) for deployment in deployments]
        tally = Tally(judge_reach(wish, status, reports, now).state for wish, status in found if status)
        for state in ReplicaState:
            self.deployments.labels(state.value).set(tally[state])

    def is_alive(self) -> bool:
        """Say whether the loop turns."""
        return self.clock.monotonic() - self.turned < STUCK_SECONDS

    def is_ready(self) -> bool:
        """Say whether a round was good a short while ago: store and cluster both answer."""
        return self.good is not None and self.clock.monotonic() - self.good < STALE_SECONDS

    def write_metrics(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)

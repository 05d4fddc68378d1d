"""One round: look at everything, do what follows, write down what is so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airgate_kit import logs
from airgate_kit.clock import Clock
from airgate_web.domain.deployment import Deployment, find_workload
from airgate_web.domain.errors import Refusal, Unavailable
from airgate_web.domain.job import JobRecord, find_job_workload
from airgate_web.domain.lost_cards import plan_replacements
from airgate_web.domain.plan import Action, ApplyWorkload, plan_actions
from airgate_web.domain.runtime import RuntimeKind, find_tester
from airgate_web.domain.secrets import find_job_secret
from airgate_web.domain.workload import Observation, Workload
from airgate_web.ports import Cluster, Store
from airgate_web.reconcile.backoff import Backoff
from airgate_web.reconcile.job_logs import JobLogs
from airgate_web.reconcile.jobs import judge_job
from airgate_web.reconcile.meter import Meter
from airgate_web.reconcile.status import judge_status

log = logs.get(__name__)
FRESH_SECONDS = 2.0  # an observation is written at least so often, so that its age says whether anybody looks


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the store wants: deployments, open jobs by their workloads' names, and the workloads, the testers' too."""

    deployments: Sequence[Deployment]
    jobs: Mapping[str, JobRecord]
    workloads: tuple[Workload, ...]


class Reconciler:
    """Carries the back-off from round to round, and what was written last; both may be lost at any time."""

    def __init__(self, store: Store, cluster: Cluster, internal_token: str, clock: Clock, meter: Meter) -> None:
        self.store = store
        self.cluster = cluster
        self.internal_token = internal_token
        self.clock = clock
        self.meter = meter
        self.backoff = Backoff()
        self.job_logs = JobLogs(store, cluster, clock)
        self.written: Observation | None = None
        self.written_at = 0.0

    def run_round(self) -> None:
        """Make the cluster more like the wishes; Unavailable (or what a store raises) when one of them is away."""
        wishes = self.find_wishes()
        observed = self.cluster.observe()
        self.job_logs.keep(wishes.jobs, observed)  # before an action clears one away
        actions = (*plan_actions(wishes.workloads, observed), *plan_replacements(wishes.workloads, observed))
        self.backoff.keep_only({find_name(action) for action in actions})
        if any([self.try_action(action) for action in actions]):  # noqa: C419 -- every action, not up to the first
            observed = self.cluster.observe()
        self.write_facts(wishes, observed)
        self.meter.count_states(self.store, wishes.deployments)

    def find_wishes(self) -> Wishes:
        """Read everything that is wanted."""
        deployments = self.store.list_deployments()
        testers = [
            find_tester(runtime, self.internal_token)
            for runtime in self.store.list_runtimes()
            if runtime.kind is RuntimeKind.ENVIRONMENT
        ]
        jobs = {self.find_job_wish(record).name: record for record in self.store.list_open_jobs()}
        of_jobs = map(self.find_job_wish, jobs.values())
        return Wishes(deployments, jobs, (*map(find_workload, deployments), *of_jobs, *testers))

    def find_job_wish(self, record: JobRecord) -> Workload:
        """Return the workload of a job, with the secret by which its process reports."""
        return find_job_workload(record.job, find_job_secret(self.internal_token, record.job.id))

    def try_action(self, action: Action) -> bool:
        """Apply one action unless its object has to wait; return whether it was applied."""
        name = find_name(action)
        if not self.backoff.may_try(name, self.clock.monotonic()):
            return False
        fields = {"workload": name, "action": type(action).__name__}
        try:
            self.cluster.apply(action)
        except Unavailable:
            raise
        except (Refusal, ValueError, OSError) as why:
            failure = self.backoff.add_failure(name, str(why), self.clock.monotonic())
            self.meter.actions.labels(type(action).__name__, "failed").inc()
            log.warning("an action failed", extra={"fields": fields | {"why": str(why), "again_in": failure.delay}})
            return False
        self.backoff.remove(name)
        self.meter.actions.labels(type(action).__name__, "applied").inc()
        log.info("applied", extra={"fields": fields})
        return True

    def write_facts(self, wishes: Wishes, observed: Observation) -> None:
        """Write the statuses that are other than before, and the observation."""
        now = self.clock.now()
        for deployment in wishes.deployments:
            refusal = self.explain_refusal(find_workload(deployment).name)
            self.store.write_status(deployment.id, judge_status(deployment, observed, now, refusal))
        for name, record in wishes.jobs.items():
            status = judge_job(record, name, observed, now, self.explain_refusal(name))
            self.store.write_job_status(record.job.id, status)
        if observed != self.written or self.clock.monotonic() - self.written_at >= FRESH_SECONDS:
            self.store.write_observation(observed, now)
            self.written, self.written_at = observed, self.clock.monotonic()

    def explain_refusal(self, name: str) -> str:
        """Return why the cluster does not take a workload; "" when it does."""
        failure = self.backoff.failures.get(name)
        return f"The cluster does not take it: {failure.reason}" if failure else ""


def find_name(action: Action) -> str:
    """Return the name of the workload that an action is about."""
    return action.workload.name if isinstance(action, ApplyWorkload) else action.name

"""What jobs print, read from the cluster while it is there: a job's processes are cleared away soon after its end."""

from collections.abc import Collection

from airgate_kit.clock import Clock
from airgate_web.domain.errors import Refusal
from airgate_web.domain.job import find_job_number
from airgate_web.domain.job_log import LINES_MAX, JobLog, read_last_lines
from airgate_web.domain.workload import Kind, Observation, Replica, ReplicaState
from airgate_web.ports import Cluster, Store

LOOK_SECONDS = 5.0  # between two looks at a log of which nothing else is known
AWAY_SECONDS = 60.0  # after a look that failed: a node that is away takes long not to answer
UNBEGUN = (ReplicaState.WAITING, ReplicaState.STARTING)


class JobLogs:
    """Carries when each log is to be read again; that may be lost at any time."""

    def __init__(self, store: Store, cluster: Cluster, clock: Clock) -> None:
        self.store = store
        self.cluster = cluster
        self.clock = clock
        self.looked: dict[str, tuple[object, float]] = {}  # by workload: as it was then, and when to look again

    def keep(self, open_jobs: Collection[str], observed: Observation) -> None:
        """Keep the last lines of every job that is there. Call it before what has ended is cleared away.

        open_jobs: workloads that are still wanted. A log that cannot be read hinders nothing.
        """
        found = {each.name: each.replicas[-1] for each in observed.workloads if each.kind is Kind.JOB and each.replicas}
        self.looked = {name: looked for name, looked in self.looked.items() if name in found}
        for name, replica in found.items():
            seen = (replica.name, replica.state, replica.restarts, name in open_jobs)
            if replica.state not in UNBEGUN and self.is_due(name, seen):
                pause = LOOK_SECONDS if self.read(name, replica) else AWAY_SECONDS
                self.looked[name] = (seen, self.clock.monotonic() + pause)

    def is_due(self, name: str, seen: object) -> bool:
        """Say whether to look: a job is other than it was, or was not looked at for a while."""
        before, next_look = self.looked.get(name, (None, 0.0))
        return seen != before or self.clock.monotonic() >= next_look

    def read(self, name: str, replica: Replica) -> bool:
        """Read a log and keep it, unless there is none any more; return whether the cluster could be asked."""
        try:
            text = read_last_lines(self.cluster.read_logs(replica.name, LINES_MAX))
        except (Refusal, ValueError):
            return False
        if text:
            self.store.write_job_log(find_job_number(name), JobLog(text, self.clock.now()))
        return True

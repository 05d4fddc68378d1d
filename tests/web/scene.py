"""A reconciler over fakes: a store, a cluster that has its moods, and a clock in the test's hand."""

from airgate_web.domain.deployment import Deployment, DeploymentStatus
from airgate_web.domain.errors import Invalid, Unavailable
from airgate_web.domain.plan import Action, ApplyWorkload
from airgate_web.domain.workload import Observation
from airgate_web.reconcile.meter import Meter
from airgate_web.reconcile.round import Reconciler
from tests.fakes.clock_hand import HandClock
from tests.fakes.cluster_memory import MemoryCluster, MemoryReplica
from tests.fakes.samples import (
    make_deployment,
    make_project,
)
from tests.fakes.store_memory import MemoryStore


class MoodyCluster(MemoryCluster):
    """A cluster that can be away, that can refuse one workload, whose nodes can be mute, and whose jobs endless."""

    def __init__(self) -> None:
        super().__init__(cards=4)
        self.away = False
        self.refused = ""
        self.applied: list[Action] = []
        self.printed = ""  # by every process
        self.is_mute = False
        self.reads = 0  # of logs
        self.is_endless = False

    def observe(self) -> Observation:
        """Observe, unless it is away."""
        if self.away:
            raise Unavailable("The cluster does not answer.")
        return super().observe()

    def apply(self, action: Action) -> None:
        """Apply, unless it is refused."""
        self.applied.append(action)
        if isinstance(action, ApplyWorkload) and action.workload.owner == self.refused:
            raise Invalid("The quota is used up.")
        super().apply(action)

    def read_logs(self, replica: str, lines: int) -> str:
        """Return what was printed, unless the node is mute."""
        self.reads += 1
        if self.is_mute:
            raise Unavailable("The node does not answer.")
        return self.printed if super().read_logs(replica, lines) else ""

    def _finish(self, replica: MemoryReplica) -> None:
        """End a job, unless it is to run on."""
        if not self.is_endless:
            super()._finish(replica)


class Scene:
    """A store with a project, a moody cluster, a reconciler, and a clock in the test's hand."""

    def __init__(self) -> None:
        self.store, self.cluster, self.clock = MemoryStore(), MoodyCluster(), HandClock()
        self.store.add_project(make_project())
        self.meter = Meter(self.clock)
        self.reconciler = self.make_reconciler()

    def make_reconciler(self) -> Reconciler:
        """Return one more reconciler over the same store and cluster."""
        return Reconciler(self.store, self.cluster, "token", self.clock, self.meter)

    def deploy(self, name: str = "live", **changes: object) -> Deployment:
        """Wish for a deployment."""
        return self.store.add_deployment(make_deployment(name=name, **changes))

    def read(self, deployment: Deployment) -> DeploymentStatus:
        """Return what is known of a deployment."""
        status = self.store.find_status(deployment.id)
        assert status is not None
        return status

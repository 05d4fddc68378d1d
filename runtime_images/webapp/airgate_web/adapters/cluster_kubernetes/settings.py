"""What the adapter is told about the cluster."""

from dataclasses import dataclass, field

from airgate_kit.names import NAMESPACE_COMPUTE, NAMESPACE_DEPLOY, NAMESPACE_SYSTEM, SERVICE_ACCOUNT_RUNTIME
from airgate_web.domain.workload import Kind


@dataclass(frozen=True, slots=True)
class KubernetesSettings:
    """blobs_url: of the files process, where init containers fetch model files (under /internal/blobs).

    internal_token: what the fetch tokens are derived from; it is never given to a pod itself. system_namespace: where
    the device plugin runs, whose word on cards counts; a pod elsewhere may call itself one and is not heard.
    web_url: of the web process, where jobs report. trace_url: a collector of OpenTelemetry, told to every service of
    our runtime; one that runs already hears of it with its next change.
    """

    blobs_url: str
    internal_token: str = field(repr=False)
    deploy_namespace: str = NAMESPACE_DEPLOY
    compute_namespace: str = NAMESPACE_COMPUTE
    system_namespace: str = NAMESPACE_SYSTEM
    service_account: str = SERVICE_ACCOUNT_RUNTIME
    trace_url: str = ""
    web_url: str = ""

    def find_namespace(self, kind: Kind) -> str:
        """Return where workloads of a kind live."""
        return self.deploy_namespace if kind is Kind.SERVICE else self.compute_namespace

    @property
    def namespaces(self) -> tuple[str, str]:
        """Return both, services first."""
        return self.deploy_namespace, self.compute_namespace

"""The reconciler's process."""

from airgate_kit import logs
from airgate_kit.clock import Clock, SystemClock
from airgate_kit.names import NAMESPACE_SYSTEM
from airgate_web.adapters.blobs_folder import FolderBlobs
from airgate_web.adapters.cluster_local.backend import LocalCluster
from airgate_web.adapters.cluster_local.places import Places
from airgate_web.adapters.secret_files import read_internal_token
from airgate_web.adapters.store_sql import SqlStore, open_store
from airgate_web.config import BLOBS, ReconcileConfig, find_database, find_internal_token
from airgate_web.domain.errors import Invalid
from airgate_web.ports import Cluster
from airgate_web.reconcile.main import run_reconciler

PAUSE_SECONDS = 1.0  # between two tries to reach the store at start
log = logs.get(__name__)


def run_reconcile(config: ReconcileConfig) -> int:
    """Run the reconciler until a signal comes. Raises a Refusal when it cannot start."""
    logs.setup(config.log_level)
    clock = SystemClock()
    token = read_internal_token(find_internal_token(config.home, config.internal_token_file))
    cluster = open_cluster(config, token)
    store = open_store_patiently(find_database(config.home, config.database_url), clock)
    blobs = FolderBlobs(config.home / BLOBS, clock)
    try:
        run_reconciler(store, cluster, blobs, token, clock, (config.health_host, config.health_port))
    except OSError as why:
        raise Invalid(
            f"Cannot listen on {config.health_host} port {config.health_port}: {why.strerror}.",
            "Choose another port (--health-port, AIRGATE_RECONCILER_HEALTH_PORT).",
        ) from None
    finally:
        store.close()
    return 0


def open_store_patiently(url: str, clock: Clock) -> SqlStore:
    """Open the store, however long its server takes to come; says once why it waits."""
    said = ""
    while True:
        try:
            return open_store(url)
        except Exception as why:  # noqa: BLE001 -- whatever a database driver raises
            reason = f"{type(why).__name__}: {why}"
            if reason != said:
                log.warning("the store cannot be opened, will try again", extra={"fields": {"why": reason}})
            said = reason
            clock.sleep(PAUSE_SECONDS)


def open_cluster(config: ReconcileConfig, internal_token: str) -> Cluster:
    """Return the cluster that the settings name: Kubernetes, or this machine's supervisor."""
    if not config.blobs_url:
        return LocalCluster(Places(config.home.absolute()).socket)
    from airgate_web.adapters.cluster_kubernetes.backend import KubernetesCluster
    from airgate_web.adapters.cluster_kubernetes.client import find_own_namespace, open_client
    from airgate_web.adapters.cluster_kubernetes.settings import KubernetesSettings

    namespace = find_own_namespace() or NAMESPACE_SYSTEM
    settings = KubernetesSettings(
        config.blobs_url.rstrip("/"),
        internal_token,
        system_namespace=namespace,
        trace_url=config.trace_url,
        web_url=config.web_url.rstrip("/"),
    )
    return KubernetesCluster(open_client(config.kubeconfig), settings)

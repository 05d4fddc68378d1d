"""A workload as Kubernetes objects. Pure: the same wish gives the same objects, to the byte."""

from airgate_kit import names
from airgate_web.adapters.cluster_kubernetes.containers import KEY_GATE, Manifest, find_folder, find_ports, make_main
from airgate_web.adapters.cluster_kubernetes.fetching import find_fetch_secret, list_fetched, make_fetcher
from airgate_web.adapters.cluster_kubernetes.jobs import make_job_spec
from airgate_web.adapters.cluster_kubernetes.servers import make_server_volumes
from airgate_web.adapters.cluster_kubernetes.settings import KubernetesSettings
from airgate_web.domain.workload import Kind, Workload, find_replica_digest, find_spec_digest

REVISIONS = 2  # old ReplicaSets that are kept
GRACE_SECONDS = 35  # linger + drain of the runtime, and a little
STALLED_SECONDS = 900
SCRATCH = "4Gi"  # a tester's files; a service's model is as large as it is
TMP = "64Mi"


def make_manifests(workload: Workload, settings: KubernetesSettings) -> tuple[Manifest, ...]:
    """Return the objects of a workload in the order to apply them: the one with the digest comes last."""
    if workload.kind is Kind.JOB:
        return make_secret(workload, settings), make_job(workload, settings)
    return make_secret(workload, settings), make_service(workload, settings), make_deployment(workload, settings)


def make_metadata(workload: Workload, settings: KubernetesSettings) -> Manifest:
    """Return the metadata that all objects of a workload share."""
    return {
        "name": workload.name,
        "namespace": settings.find_namespace(workload.kind),
        "labels": make_labels(workload),
        "annotations": {names.ANNOTATION_OWNER: workload.owner},
    }


def make_labels(workload: Workload) -> dict[str, str]:
    """Return the labels by which a workload's objects and pods are found again."""
    return {
        names.LABEL_MANAGED_BY: names.MANAGED_BY,
        names.LABEL_WORKLOAD: workload.name,
        names.LABEL_KIND: workload.kind.value,
    }


def make_secret(workload: Workload, settings: KubernetesSettings) -> Manifest:
    """Return the Secret: what the gateway sends, and what opens this workload's model files and nothing else."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": make_metadata(workload, settings),
        "type": "Opaque",
        "stringData": {KEY_GATE: workload.gate_secret, **find_fetch_secret(workload, settings.internal_token)},
    }


def make_service(workload: Workload, settings: KubernetesSettings) -> Manifest:
    """Return the headless Service: its name stands for the addresses of the ready pods."""
    ports = find_ports(workload)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": make_metadata(workload, settings),
        "spec": {
            "clusterIP": "None",
            "selector": {names.LABEL_WORKLOAD: workload.name},
            "ports": [
                {"name": door, "port": port, "targetPort": door, "protocol": "TCP"}
                for door, port in ports.items()
                if door != "admin"
            ],
        },
    }


def make_deployment(workload: Workload, settings: KubernetesSettings) -> Manifest:
    """Return the Deployment. With cards, and for testers, old pods go before new ones come."""
    metadata = make_metadata(workload, settings)
    metadata["annotations"] |= {names.ANNOTATION_SPEC_DIGEST: find_spec_digest(workload)}
    surge, unavailable = (0, 1) if workload.amounts.accelerators or workload.kind is Kind.TESTER else (1, 0)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": workload.replicas,
            "revisionHistoryLimit": REVISIONS,
            "progressDeadlineSeconds": STALLED_SECONDS,
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable},
            },
            "selector": {"matchLabels": {names.LABEL_WORKLOAD: workload.name}},
            "template": make_template(workload, settings),
        },
    }


def make_job(workload: Workload, settings: KubernetesSettings) -> Manifest:
    """Return the Job of a workload that ends."""
    metadata = make_metadata(workload, settings)
    metadata["annotations"] |= {names.ANNOTATION_SPEC_DIGEST: find_spec_digest(workload)}
    spec = make_job_spec(make_template(workload, settings))
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def make_template(workload: Workload, settings: KubernetesSettings) -> Manifest:
    """Return the pod template: restricted, without a token, on nodes of its class."""
    annotations = {
        names.ANNOTATION_OWNER: workload.owner,
        names.ANNOTATION_REPLICA_DIGEST: find_replica_digest(workload),
    }
    return {
        "metadata": {"labels": make_labels(workload), "annotations": annotations},
        "spec": {
            "serviceAccountName": settings.service_account,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "nodeSelector": {names.NODE_CLASSES[workload.node_class]: "true"},
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": names.UID,
                "runAsGroup": names.UID,
                "fsGroup": names.UID,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "initContainers": [make_fetcher(workload, *one, settings) for one in list_fetched(workload)],
            "containers": [make_main(workload, settings)],
            "volumes": make_server_volumes(find_folder(workload)) if workload.server else make_volumes(workload),
        },
    }


def make_volumes(workload: Workload) -> list[Manifest]:
    """Return the pod's folders: /tmp, those for what it fetches, for a tester's files, for a job's; all go with it."""
    fetched: Manifest = {"name": "models", "emptyDir": {}}
    scratch = {"name": "scratch", "emptyDir": {"sizeLimit": SCRATCH}}
    work = [{"name": "work", "emptyDir": {}}] if workload.run else []
    return [{"name": "tmp", "emptyDir": {"sizeLimit": TMP}}, fetched if workload.model else scratch, *work]

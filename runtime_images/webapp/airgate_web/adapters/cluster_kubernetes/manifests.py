"""A workload as Kubernetes objects. Pure: the same wish gives the same objects, to the byte."""

from typing import Any

from airgate_kit import names
from airgate_web.adapters.cluster_kubernetes.jobs import find_data_path, make_job_container, make_job_spec
from airgate_web.adapters.cluster_kubernetes.servers import make_server_container, make_server_volumes
from airgate_web.adapters.cluster_kubernetes.settings import KubernetesSettings
from airgate_web.domain.amounts import Amounts
from airgate_web.domain.secrets import find_blob_secret, find_blobs_secret
from airgate_web.domain.workload import (
    Kind,
    ModelFile,
    Workload,
    find_also,
    find_replica_digest,
    find_spec_digest,
    find_trace_environ,
    find_words,
)

Manifest = dict[str, Any]
REVISIONS = 2  # old ReplicaSets that are kept
GRACE_SECONDS = 35  # linger + drain of the runtime, and a little
LINGER_SECONDS = 5  # after SIGTERM: not ready, still answering, until the gateway has heard of it
START_SECONDS = 600  # a large model may take so long to load
STALLED_SECONDS = 900
SCRATCH = "4Gi"  # a tester's files; a service's model is as large as it is
TMP = "64Mi"
ENV_GATE_SECRET, ENV_FETCH_TOKEN, ENV_JOB_SECRET = "AIRGATE_GATE_SECRET", "AIRGATE_FETCH_TOKEN", "AIRGATE_JOB_SECRET"
KEY_GATE, KEY_FETCH, KEY_DATA = "gate", "fetch", "fetch-data"
PORTS = {"http": names.PORT_SERVE_HTTP, "grpc": names.PORT_SERVE_GRPC, "admin": names.PORT_SERVE_ADMIN}
LOCKED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


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


def find_fetch_secret(workload: Workload, token: str) -> dict[str, str]:
    """Return what opens the files that a workload fetches; a server of others fetches none."""
    if workload.kind is Kind.TESTER:
        return {KEY_FETCH: find_blobs_secret(token)}
    return {key: find_blob_secret(token, digest) for key, digest, _ in list_fetched(workload)}


def list_fetched(workload: Workload) -> list[tuple[str, str, str]]:
    """Return (key in the Secret, digest, place in the pod) of each file that a workload fetches.

    A server of others fetches none.
    """
    if workload.server or not workload.model:
        return []
    models = enumerate((workload.model, *workload.others))
    found = [(find_fetch_key(number), model.digest, find_model_path(model)) for number, model in models]
    run = workload.run
    return [*found, (KEY_DATA, run.data.digest, find_data_path(run))] if run else found


def find_fetch_key(number: int) -> str:
    """Return the key in the Secret of what opens a model's file."""
    return f"{KEY_FETCH}-{number}" if number else KEY_FETCH


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


def find_ports(workload: Workload) -> dict[str, int]:
    """Return the container's ports by name."""
    if workload.kind is Kind.JOB:
        return {}
    if workload.server:
        return {"http": workload.server.port}
    return PORTS if workload.kind is Kind.SERVICE else {door: PORTS[door] for door in ("http", "admin")}


def make_main(workload: Workload, settings: KubernetesSettings) -> Manifest:
    """Return the container that does the work."""
    if workload.server:
        return make_server_container(make_container("serve", workload), workload.server, find_folder(workload))
    if workload.kind is Kind.JOB:
        return make_worker(workload, settings)
    return make_server(workload, workload.model, settings) if workload.model else make_tester(workload, settings)


def find_folder(workload: Workload) -> str:
    """Return where the model of somebody else's server lies; "" when it has none."""
    return workload.model.path if workload.model else ""


def make_volumes(workload: Workload) -> list[Manifest]:
    """Return the pod's folders: /tmp, those for what it fetches, for a tester's files, for a job's; all go with it."""
    fetched: Manifest = {"name": "models", "emptyDir": {}}
    scratch = {"name": "scratch", "emptyDir": {"sizeLimit": SCRATCH}}
    work = [{"name": "work", "emptyDir": {}}] if workload.run else []
    return [{"name": "tmp", "emptyDir": {"sizeLimit": TMP}}, fetched if workload.model else scratch, *work]


def make_fetcher(workload: Workload, key: str, digest: str, place: str, settings: KubernetesSettings) -> Manifest:
    """Return the init container that fetches a file by its digest; a restart of the main one needs it no more."""
    url = f"{settings.blobs_url}/internal/blobs/{digest.removeprefix('sha256:')}"
    return {
        "name": key,
        "image": workload.image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["fetch", "--url", url, "--digest", digest, "--to", place],
        "env": [make_secret_env(ENV_FETCH_TOKEN, workload, key)],
        "resources": make_resources(workload.amounts, cards=False),
        "securityContext": LOCKED,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "models", "mountPath": "/models"}, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }


def make_server(workload: Workload, model: ModelFile, settings: KubernetesSettings) -> Manifest:
    """Return the container that serves its models, which it cannot write to."""
    what = find_words(model)
    what += [word for other in workload.others for word in find_also(other, find_model_path(other))]
    doors = [word for door, port in PORTS.items() for word in (f"--{door}-port", str(port))]
    return {
        **make_container("serve", workload),
        "args": [find_model_path(model), *what, "--host", "0.0.0.0", *doors, "--linger", str(LINGER_SECONDS)],  # noqa: S104
        "env": [make_secret_env(ENV_GATE_SECRET, workload, KEY_GATE), *make_trace_env(workload, settings.trace_url)],
        "volumeMounts": [
            {"name": "models", "mountPath": "/models", "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
        ],
    }


def make_worker(workload: Workload, settings: KubernetesSettings) -> Manifest:
    """Return the container that runs a job and ends."""
    assert workload.model, workload.name
    path = find_model_path(workload.model)
    made = make_job_container(make_container("job", workload), workload, path, settings.web_url)
    return {**made, "env": [make_secret_env(ENV_JOB_SECRET, workload, KEY_GATE)]}


def make_tester(workload: Workload, settings: KubernetesSettings) -> Manifest:
    """Return the warm container that opens files nobody trusts; it fetches them itself."""
    listen = ["--host", "0.0.0.0", "--port", str(PORTS["http"]), "--admin-port", str(PORTS["admin"])]  # noqa: S104
    return {
        **make_container("tester", workload),
        "args": ["tester", *listen, "--blobs-url", f"{settings.blobs_url}/internal/blobs", "--scratch", "/scratch"],
        "env": [
            make_secret_env(ENV_GATE_SECRET, workload, KEY_GATE),
            make_secret_env(ENV_FETCH_TOKEN, workload, KEY_FETCH),
        ],
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
    }


def make_container(name: str, workload: Workload) -> Manifest:
    """Return what all kinds of container have alike: image, ports, amounts, lock and probes."""
    return {
        "name": name,
        "image": workload.image,
        "imagePullPolicy": "IfNotPresent",
        "ports": [
            {"name": door, "containerPort": port, "protocol": "TCP"} for door, port in find_ports(workload).items()
        ],
        "resources": make_resources(workload.amounts, cards=True),
        "securityContext": LOCKED,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "startupProbe": make_probe("/readyz", period=1, failures=START_SECONDS),
        "readinessProbe": make_probe("/readyz", period=2, failures=2),
        "livenessProbe": make_probe("/livez", period=10, failures=6),
    }


def make_probe(path: str, *, period: int, failures: int) -> Manifest:
    """Return a probe on the admin port, every `period` seconds."""
    return {
        "httpGet": {"path": path, "port": "admin"},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def make_resources(amounts: Amounts, *, cards: bool) -> Manifest:
    """Return requests equal to limits, so that nobody lives at a neighbour's cost."""
    asked: dict[str, str] = {"cpu": f"{amounts.cpu_millis}m", "memory": f"{amounts.memory_mib}Mi"}
    if cards and amounts.accelerators:
        asked[amounts.resource] = str(amounts.accelerators)
    return {"requests": asked, "limits": dict(asked)}


def make_secret_env(variable: str, workload: Workload, key: str) -> Manifest:
    """Return an environment variable whose value lies in the workload's Secret."""
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": workload.name, "key": key}}}


def make_trace_env(workload: Workload, url: str) -> list[Manifest]:
    """Return the variables that send a service's traces to a collector; none without one."""
    return [{"name": name, "value": value} for name, value in find_trace_environ(url, workload).items()]


def find_model_path(model: ModelFile) -> str:
    """Return where the model's file lies in its pods: by its digest, because users choose file names."""
    return f"/models/{model.digest.removeprefix('sha256:')}"

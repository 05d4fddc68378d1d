"""The container of a workload: what it runs, and by what it is locked, probed and limited. Pure."""

from typing import Any

from airgate_kit import names
from airgate_web.adapters.cluster_kubernetes.jobs import make_job_container
from airgate_web.adapters.cluster_kubernetes.servers import make_server_container
from airgate_web.adapters.cluster_kubernetes.settings import KubernetesSettings
from airgate_web.domain.amounts import Amounts
from airgate_web.domain.workload import Kind, ModelFile, Workload, find_also, find_trace_environ, find_words

Manifest = dict[str, Any]
LINGER_SECONDS = 5  # after SIGTERM: not ready, still answering, until the gateway has heard of it
START_SECONDS = 600  # a large model may take so long to load
ENV_GATE_SECRET, ENV_FETCH_TOKEN, ENV_JOB_SECRET = "AIRGATE_GATE_SECRET", "AIRGATE_FETCH_TOKEN", "AIRGATE_JOB_SECRET"
KEY_GATE, KEY_FETCH = "gate", "fetch"  # in the workload's Secret
PORTS = {"http": names.PORT_SERVE_HTTP, "grpc": names.PORT_SERVE_GRPC, "admin": names.PORT_SERVE_ADMIN}
LOCKED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


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


def find_model_path(model: ModelFile) -> str:
    """Return where the model's file lies in its pods: by its digest, because users choose file names."""
    return f"/models/{model.digest.removeprefix('sha256:')}"


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


def find_ports(workload: Workload) -> dict[str, int]:
    """Return the container's ports by name."""
    if workload.kind is Kind.JOB:
        return {}
    if workload.server:
        return {"http": workload.server.port}
    return PORTS if workload.kind is Kind.SERVICE else {door: PORTS[door] for door in ("http", "admin")}


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

"""Small workloads, as Kubernetes objects, for tests that need something to run."""

from collections.abc import Sequence
from typing import Any

from tests.cluster.images import choose_references

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def describe_namespace(name: str) -> dict[str, object]:
    """Return a namespace that admits nothing but restricted pods."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def describe_pod_template(name: str, command: Sequence[str], **spec: Any) -> dict[str, object]:
    """Return the template of a restricted pod that runs one BusyBox command line; `spec` adds to its spec."""
    container = {
        "name": "main",
        "image": choose_references().busybox,
        "imagePullPolicy": "Never",
        "command": list(command),
        "securityContext": RESTRICTED,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    whole = {
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    return {"metadata": {"labels": {"app": name}}, "spec": whole | spec}


def describe_web(name: str, namespace: str, replicas: int = 2, **pod: Any) -> list[dict[str, object]]:
    """Return a Deployment that answers "hello" on port 8080, and its Service on port 80; `pod` adds to the pod spec."""
    place = {"name": name, "namespace": namespace}
    command = ("sh", "-c", "echo hello > /tmp/index.html && exec httpd -f -p 8080 -h /tmp")
    template = describe_pod_template(name, command, **pod)
    selector = {"matchLabels": {"app": name}}
    spec = {"replicas": replicas, "selector": selector, "template": template}
    ports = [{"port": 80, "targetPort": 8080}]
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": place, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": place, "spec": {"selector": {"app": name}, "ports": ports}},
    ]

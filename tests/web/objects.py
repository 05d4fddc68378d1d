"""A service, a tester and a job, and the objects that a cluster of Kubernetes is given for each."""

from typing import Any

from airgate_web.adapters.cluster_kubernetes.manifests import make_manifests
from airgate_web.adapters.cluster_kubernetes.settings import KubernetesSettings
from airgate_web.domain.deployment import find_workload
from airgate_web.domain.job import find_job_workload
from airgate_web.domain.runtime import find_tester
from airgate_web.domain.workload import (
    Workload,
)
from tests.fakes.samples import make_deployment, make_job, make_runtime

SETTINGS = KubernetesSettings("http://web:8000", "internal-token", web_url="http://web:8000")
QAIC = "qualcomm.com/qaic"
IMAGE = "registry/serving@sha256:" + "1" * 64
SERVICE = find_workload(make_deployment(image=IMAGE))
JOB = find_job_workload(make_job(id=17, image=IMAGE), "job-secret")
TESTER = find_tester(make_runtime(image=IMAGE), "internal-token")
MADE = "2030-01-02T12:00:00Z"


def make(workload: Workload) -> dict[str, dict[str, Any]]:
    """Return a workload's objects by kind."""
    return {each["kind"]: each for each in make_manifests(workload, SETTINGS)}


def read_template(workload: Workload) -> dict[str, Any]:
    """Return what a workload's pods are made after."""
    template: dict[str, Any] = make_manifests(workload, SETTINGS)[-1]["spec"]["template"]
    return template

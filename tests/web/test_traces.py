"""Where traces go: one setting of the appliance, told to every deployment of our runtime and to nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest

from airgate_web.adapters.cluster_kubernetes.manifests import make_manifests
from airgate_web.adapters.cluster_kubernetes.settings import KubernetesSettings
from airgate_web.adapters.cluster_local.command import find_environ
from airgate_web.adapters.cluster_local.shelf import Ports, ReplicaRecord
from airgate_web.cli import make_parser, read_reconcile, read_supervise
from airgate_web.domain.deployment import find_workload
from airgate_web.domain.runtime import find_tester
from airgate_web.domain.server import Server
from airgate_web.domain.workload import Workload
from tests.fakes.samples import make_deployment, make_runtime

URL = "http://10.0.0.5:4318"
SERVICE = find_workload(make_deployment())
TESTER = find_tester(make_runtime(), "internal-token")
OTHERS = replace(SERVICE, server=Server(port=8000, health="/health"))
TOLD = {"OTEL_EXPORTER_OTLP_ENDPOINT": URL, "OTEL_SERVICE_NAME": SERVICE.owner}


def find_variables(workload: Workload, url: str) -> dict[str, str]:
    """Return OpenTelemetry's variables in a workload's pods."""
    *_, deployment = make_manifests(workload, KubernetesSettings("http://files:8002", "internal", trace_url=url))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container.get("env", ()) if each["name"].startswith("OTEL_")}


def find_local_variables(workload: Workload, url: str) -> dict[str, str]:
    """Return them in a process of this machine."""
    record = ReplicaRecord("d-1", workload, 1, Ports(1, 2, 3))
    environ = find_environ({"PATH": "/bin"}, record, None, Path("/scratch"), url)
    return {name: value for name, value in environ.items() if name.startswith("OTEL_")}


@pytest.mark.parametrize("find", [find_variables, find_local_variables])
def test_a_deployment_is_told_the_collector_and_its_own_name(find) -> None:
    """In a cluster and on one machine alike; a tester and a server of others are told nothing, nor anyone without."""
    assert find(SERVICE, URL) == TOLD
    assert find(SERVICE, "") == find(TESTER, URL) == find(OTHERS, URL) == {}


def test_the_address_is_read_from_the_variable(monkeypatch, tmp_path) -> None:
    """By both processes that start deployments."""
    monkeypatch.setenv("AIRGATE_TRACE_URL", URL)
    home = ("--home", str(tmp_path))
    assert read_reconcile(make_parser().parse_args(["reconcile", *home])).trace_url == URL
    assert read_supervise(make_parser().parse_args(["supervise", *home])).trace_url == URL

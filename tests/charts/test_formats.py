"""Every format in pods of a real cluster: from the file to the gateway; a hostile one reaches nothing; traces leave."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from airgate_kit import names
from tests.charts import appliance
from tests.charts.test_install import LIMIT_S, read_secret
from tests.charts.test_lasting import find_url, is_up
from tests.cluster.network import GATEWAY
from tests.cluster.wait import wait_until
from tests.kit import formats
from tests.kit.appliance import Appliance
from tests.kit.stand_in_collector import CollectedSpan, run_collector
from tests.serving.test_hostile_models import listen

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
ROUTE = "formats"
CPU = 0.25
ARGS = {"X": [[1.0]]}
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
# What a pod with a model has, and what its cluster has that nobody in it should get hold of.
IN_A_POD = {"key": TOKEN, "neighbour": "/proc/1/environ", "folder": "/tmp"}
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def collector():
    """A stand-in for the site's collector of traces, on this machine's address towards the cluster."""
    with run_collector(host=GATEWAY) as collector:
        yield collector


@pytest.fixture(scope="module")
def installed(cluster, helm, images, collector, tmp_path_factory):
    """The cluster with the whole appliance on it, which sends its traces to the collector."""
    values = appliance.make_values(images)
    values["airgate-webapp"]["tracing"] = {"url": collector.url}
    values["airgate-runtimes"]["tracing"] = {"to": [{"ipBlock": {"cidr": f"{GATEWAY}/32"}}], "port": collector.port}
    appliance.install(cluster, helm, "airgate", "airgate", values, tmp_path_factory.mktemp("values"))
    return cluster


@pytest.fixture(scope="module")
def person(installed):
    """A person with a project."""
    wait_until("The console", lambda: is_up(installed), LIMIT_S)
    who = Appliance(find_url(installed), "admin", read_secret(installed, "airgate-keys")["first-password"])
    who.send("POST", "/projects", {"name": "Formats", "route": ROUTE})
    wait_until("The tester", lambda: is_tester_up(who), LIMIT_S)
    yield who
    for made in who.send("GET", f"/projects/{ROUTE}/deployments"):
        who.remove_deployment(ROUTE, made["name"])
    who.send("DELETE", f"/projects/{ROUTE}")
    who.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Small trained models, one of each format."""
    return formats.write_formats(tmp_path_factory.mktemp("models"))


def is_tester_up(person: Appliance) -> bool:
    """Return whether a file is opened by now."""
    fields = {"name": "first", "filename": "first.py"}
    content = formats.SCRIPT.encode()
    return person.http.post(f"/api/v2/projects/{ROUTE}/models", params=fields, content=content).is_success


@pytest.mark.parametrize(("filename", "format_"), formats.FILES.items())
def test_a_file_is_known_tested_deployed_and_called(person, folder, filename, format_):
    """The tester's pod finds its format out; the deployment's pod gives the same rows the same answer."""
    walked = formats.walk(person, ROUTE, folder / filename, CPU)
    assert walked.format == format_
    assert walked.answered == walked.tested


def test_an_allowed_hostile_file_is_deployed_and_reaches_nothing_in_its_pod(installed, person):
    """No token of the cluster, no secret of its own pod, no neighbour's file, no network, no host: in either pod."""
    with listen(GATEWAY) as (port, callers):
        places = {**IN_A_POD, "host": GATEWAY, "port": port}
        formats.allow_hostile(person, ROUTE, "own", places)
        tested = person.send("POST", f"/projects/{ROUTE}/models/own/versions/1/test", {"args": ARGS})
        assert formats.deploy_and_call(person, ROUTE, "own", ARGS, CPU) == tested["result"]
        served = installed.kubectl("-n", names.NAMESPACE_DEPLOY, "logs", "-l", "airgate.io/kind=service", "-c", "serve")
    assert formats.find_reached(tested["stdout"]) == {}
    assert formats.find_reached(served.stdout) == {}
    assert callers == []
    person.remove_deployment(ROUTE, "own")


def test_a_request_s_spans_leave_its_pod_for_the_collector(person, folder, collector):
    """The caller is the parent, the stages are the children, and nothing of what was asked is in them."""
    name = "iris-json"
    formats.deploy_and_call(person, ROUTE, name, read_sample(person, name), CPU)
    token = person.make_token(ROUTE, name)
    headers = {"authorization": f"Bearer {token}", "traceparent": f"00-{TRACE}-{CALLER}-01"}
    address = f"{person.url}/api/v1/svc/{ROUTE}/{name}/predict"
    body = {"args": read_sample(person, name)}
    answer = httpx.post(address, json=body, headers=headers, verify=False, timeout=30)
    assert answer.status_code == 200, answer.text
    (span,) = wait_until("The spans", lambda: collector.find(is_asked_by_caller), 60)
    assert (span.name, span.trace_id) == ("POST /predict", TRACE)
    assert span.attributes["airgate.model.name"] == name
    assert [child.name for child in collector.find_children(span)] == ["codec", "queue", "compute", "codec"]
    person.remove_deployment(ROUTE, name)


def is_asked_by_caller(span: CollectedSpan) -> bool:
    """Return whether a span is the one right below the caller's own."""
    return span.parent_id == CALLER


def read_sample(person: Appliance, name: str) -> Any:
    """Return a model's own sample of arguments."""
    return person.send("GET", f"/projects/{ROUTE}/models/{name}/versions/1/sample")["predict"]["args"]

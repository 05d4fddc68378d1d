"""Runtimes that are somebody else's server: what they may say, and what becomes of it."""

import dataclasses
from typing import Any

import pytest

from airgate_web.adapters.cluster_kubernetes.manifests import make_manifests
from airgate_web.adapters.cluster_kubernetes.observe import Listing, find_observation
from airgate_web.adapters.cluster_kubernetes.settings import KubernetesSettings
from airgate_web.domain.deployment import find_workload
from airgate_web.domain.errors import Invalid
from airgate_web.domain.runtime import RuntimeKind
from airgate_web.domain.server import Server, fill_words, read_server
from airgate_web.domain.workload import Address, find_spec_digest
from airgate_web.gateway.snapshot import Route, find_snapshot
from airgate_web.services.deployments import DeploymentWish, create_deployment, find_deployment
from airgate_web.services.models import publish_model
from airgate_web.services.runtimes import put_runtimes
from tests.fakes.samples import NOON, make_deployment, make_observation, make_runtime, make_status

SERVER = Server(8000, "/health", "/metrics", ("vllm", "serve"), ("--port", "{port}", "--host", "{host}"))
ENTRY = {"port": 8000, "health": "/health"}
IMAGE = "registry/vllm@sha256:" + "2" * 64
WORKLOAD = find_workload(make_deployment(model=None, server=dataclasses.replace(SERVER, extra=("-v",)), image=IMAGE))
BEFORE_SERVERS = "7e4063cd6cd9d97e671d3a1f98d5fa6a27436d41104682e6c61250c5e7d62a23"  # of make_deployment()
SETTINGS = KubernetesSettings("http://web:8000", "internal-token")


@pytest.fixture
def desk(desk):
    """The desk with a server on offer beside the default environment, and a model."""
    put_runtimes(
        desk,
        [make_runtime("llm", name="A language model", kind=RuntimeKind.SERVER, formats=(), image=IMAGE, server=SERVER)],
    )
    desk.store.write_observation(make_observation(), NOON)
    return desk


def test_words_are_filled_in_and_other_braces_stay() -> None:
    """JSON in an argument is left alone."""
    words = ("{host}:{port}", "{model}", '{"a": {port}}', "{other}")
    assert fill_words(words, "0.0.0.0", 80, "/models/m") == ["0.0.0.0:80", "/models/m", '{"a": 80}', "{other}"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"port": 0}, "Port of a server 0 is out of range"),
        ({"port": None}, "'None' is not a number"),
        ({"health": "health"}, "The health path 'health' of a server is not a path"),
        ({"metrics": "no path"}, "The metrics path"),
        ({"command": "vllm 'serve"}, "cannot be split into words"),
        ({"arguments": [1]}, "are not a list of words"),
        ({"arguments": ["x"] * 101}, "more than 100"),
        ({"arguments": ["a\0b"]}, "not printable"),
        ({"ports": 1}, "A server has no 'ports'"),
    ],
)
def test_a_wrong_definition_is_refused_in_a_sentence(change: dict[str, Any], said: str) -> None:
    """It names what is wrong in it."""
    with pytest.raises(Invalid, match=said):
        read_server(ENTRY | change)


def test_a_server_is_deployed_without_a_model(desk, ada):
    """Its own words follow those of its runtime; a line is split as a shell would."""
    made = create_deployment(desk, ada, "qc", "llm", DeploymentWish(runtime="llm", arguments="--name 'a b'"))
    assert (made.model, made.image, made.what) == (None, IMAGE, "llm")
    assert made.server == dataclasses.replace(SERVER, extra=("--name", "a b"))
    assert find_deployment(desk, "qc", "llm").path == "/api/v1/svc/qc/llm"
    assert desk.store.list_digests() == frozenset()


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        (DeploymentWish(), "No model is named"),
        (DeploymentWish(runtime="none"), "No model is named"),
        (DeploymentWish("digits", runtime="llm"), "There is no runtime 'llm'"),
        (DeploymentWish("digits", arguments=["-v"]), "takes no arguments"),
        (DeploymentWish(runtime="llm", arguments="'"), "cannot be split"),
    ],
)
def test_what_does_not_go_together_is_refused(desk, ada, wish, said):
    """A runtime of ours needs a model and takes no words; a server that brings its own takes no model."""
    publish_model(desk, ada, "qc", "digits", "digits.onnx", iter([b"model"]))
    with pytest.raises(Invalid, match=said):
        create_deployment(desk, ada, "qc", "live", wish)


def test_a_workload_of_ours_keeps_its_digest_through_an_upgrade() -> None:
    """What a release brings for servers replaces no replica of those that are none."""
    ours = find_workload(make_deployment())
    assert find_spec_digest(ours) == BEFORE_SERVERS
    assert find_spec_digest(WORKLOAD) != find_spec_digest(dataclasses.replace(WORKLOAD, server=SERVER))


def test_its_pod_is_restricted_and_knows_no_secret() -> None:
    """Its own words and port, probes on its own path, no file to fetch and no token to fetch one with."""
    secret, service, deployment = make_manifests(WORKLOAD, SETTINGS)
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["command"] == ["vllm", "serve"]
    assert container["args"] == ["--port", "8000", "--host", "0.0.0.0", "-v"]
    assert container["ports"] == [{"name": "http", "containerPort": 8000, "protocol": "TCP"}]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/health", "port": "http"}
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["resources"]["limits"]["qualcomm.com/qaic"] == "1"
    assert pod["initContainers"] == []
    assert set(secret["stringData"]) == {"gate"}
    assert WORKLOAD.gate_secret not in str(deployment)
    assert [port["port"] for port in service["spec"]["ports"]] == [8000]


def test_its_addresses_have_its_own_port_and_none_for_grpc() -> None:
    """The gateway is told where it listens."""
    *_, deployment = make_manifests(WORKLOAD, SETTINGS)
    (facts,) = find_observation(Listing([{**deployment, "status": {}}], [], [], []), {}).workloads
    assert facts.addresses == (Address(f"{WORKLOAD.name}.airgate-deploy.svc", 8000, 0),)


def test_the_gateway_asks_its_own_path_and_sends_it_no_secret() -> None:
    """One cluster and one route, for HTTP."""
    wish = make_deployment(model=None, server=SERVER)
    snapshot = find_snapshot([Route(wish, make_status())], {"keys": []})
    ((cluster,), (route,)) = snapshot["clusters"], snapshot["routes"]
    assert cluster["health_checks"][0]["http_health_check"] == {"path": "/health", "request_headers_to_add": []}
    assert wish.gate_secret not in str(snapshot)
    assert route["match"] == {"prefix": "/api/v1/svc/qc/live/"}

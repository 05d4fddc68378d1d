"""How the API server's answers, and its silence, reach the reconciler. A real socket with a scripted server behind."""

import json
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest
from kubernetes import client

from airgate_web.adapters.cluster_kubernetes.backend import KubernetesCluster
from airgate_web.adapters.cluster_kubernetes.client import KubeClient
from airgate_web.adapters.cluster_kubernetes.settings import KubernetesSettings
from airgate_web.domain.deployment import find_workload
from airgate_web.domain.errors import Conflict, Forbidden, Invalid, Refusal, Unavailable
from airgate_web.domain.plan import ApplyWorkload, RemoveReplica, RemoveWorkload, ReplaceReplica
from tests.fakes.samples import make_deployment
from tests.kit.small_server import Handler, run_server


class ScriptedServer(ThreadingHTTPServer):
    """Answers every request with `status` and `body`, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ScriptedHandler)
        self.status, self.body = 200, b"{}"
        self.asked: list[tuple[str, str, str]] = []  # method, path, content type


class ScriptedHandler(Handler):
    server: ScriptedServer

    def play(self) -> None:
        """Answer as scripted."""
        self.read_body()
        self.server.asked.append((self.command, self.path, self.headers.get("content-type", "")))
        self.answer(self.server.status, self.server.body)

    do_GET = do_PATCH = do_DELETE = play


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server on a port of its own."""
    with run_server(ScriptedServer()) as server:
        yield server


@pytest.fixture
def kube(server: ScriptedServer) -> KubeClient:
    """A client of that server."""
    configuration = client.Configuration()
    configuration.host = f"http://127.0.0.1:{server.server_port}"
    configuration.retries = False
    return KubeClient(configuration)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Invalid), (403, Forbidden), (409, Conflict), (422, Invalid), (401, Unavailable), (500, Unavailable)],
)
def test_a_refusal_keeps_the_clusters_own_words(
    server: ScriptedServer, kube: KubeClient, status: int, kind: type[Refusal]
) -> None:
    """What the API server says reaches the page, and what is its own trouble is tried again."""
    server.status, server.body = status, json.dumps({"message": "exceeded quota: airgate"}).encode()
    with pytest.raises(kind) as refused:
        kube.apply("/api/v1/namespaces/x/secrets/y", {})
    assert refused.value.sentence == "The cluster refuses: exceeded quota: airgate"


def test_an_answer_that_is_no_json_is_told_as_it_is(server: ScriptedServer, kube: KubeClient) -> None:
    """A proxy in between speaks HTML."""
    server.status, server.body = 502, b"<h1>Bad Gateway</h1>"
    with pytest.raises(Unavailable, match="Bad Gateway"):
        kube.read_list("/api/v1/pods")


def test_an_api_server_that_is_away_is_unavailable(server: ScriptedServer, kube: KubeClient) -> None:
    """The reconciler waits for it and says so."""
    server.shutdown()
    server.server_close()
    with pytest.raises(Unavailable, match="does not answer"):
        kube.read_list("/api/v1/pods")


def test_deleting_what_is_gone_is_fine(server: ScriptedServer, kube: KubeClient) -> None:
    """A removal can be repeated."""
    server.status = 404
    kube.remove("/api/v1/namespaces/x/secrets/y")
    assert server.asked == [("DELETE", "/api/v1/namespaces/x/secrets/y?propagationPolicy=Background", "")]


@pytest.mark.parametrize(
    ("status", "body", "news"), [(200, b'{"type":"MODIFIED"}\n', True), (200, b"", False), (410, b"", True)]
)
def test_a_watch_says_whether_it_is_time_to_look(
    server: ScriptedServer, kube: KubeClient, status: int, body: bytes, news: bool
) -> None:
    """An event is news, silence is none, and a version too old to watch from means: look again."""
    server.status, server.body = status, body
    assert kube.wait_for_news("/api/v1/pods", labels="a=b", version="7", seconds=1) is news


def test_a_wish_is_applied_by_server_side_apply_under_our_name(server: ScriptedServer, kube: KubeClient) -> None:
    """Repeating it changes nothing, and nobody else's fields are touched."""
    cluster = KubernetesCluster(kube, KubernetesSettings("http://web:8000", "token"))
    wish = find_workload(make_deployment())
    cluster.apply(ApplyWorkload(wish))
    query = f"{wish.name}?fieldManager=airgate&force=true"
    assert server.asked == [
        ("PATCH", f"/api/v1/namespaces/airgate-deploy/secrets/{query}", "application/apply-patch+yaml"),
        ("PATCH", f"/api/v1/namespaces/airgate-deploy/services/{query}", "application/apply-patch+yaml"),
        ("PATCH", f"/apis/apps/v1/namespaces/airgate-deploy/deployments/{query}", "application/apply-patch+yaml"),
    ]


def test_a_removal_looks_in_both_namespaces(server: ScriptedServer, kube: KubeClient) -> None:
    """A name alone says not whether it was a service, a tester or a job."""
    cluster = KubernetesCluster(kube, KubernetesSettings("http://web:8000", "token"))
    cluster.apply(RemoveWorkload("d-x"))
    assert len(server.asked) == 8
    assert {path.split("/namespaces/")[1].split("/")[0] for _, path, _ in server.asked} == {
        "airgate-deploy",
        "airgate-compute",
    }


def test_a_replica_is_replaced_by_ending_its_pod_at_once(server: ScriptedServer, kube: KubeClient) -> None:
    """What is left of it has nothing to finish; one that is gone already is fine."""
    server.status = 404
    cluster = KubernetesCluster(kube, KubernetesSettings("http://web:8000", "token"))
    cluster.apply(ReplaceReplica("d-x", "d-x-1"))
    query = "propagationPolicy=Background&gracePeriodSeconds=1"
    assert server.asked == [("DELETE", f"/api/v1/namespaces/airgate-deploy/pods/d-x-1?{query}", "")]


def test_a_replica_that_is_over_is_removed_alone(server: ScriptedServer, kube: KubeClient) -> None:
    """What it belonged to stays."""
    KubernetesCluster(kube, KubernetesSettings("http://web:8000", "token")).apply(RemoveReplica("d-x-1"))
    assert [(verb, path.split("?")[0]) for verb, path, _ in server.asked] == [
        ("DELETE", f"/api/v1/namespaces/{namespace}/pods/d-x-1") for namespace in ("airgate-deploy", "airgate-compute")
    ]


def test_logs_of_a_pod_that_is_gone_are_empty(server: ScriptedServer, kube: KubeClient) -> None:
    """The page shows nothing instead of failing."""
    server.status = 404
    cluster = KubernetesCluster(kube, KubernetesSettings("http://web:8000", "token"))
    assert cluster.read_logs("d-x-1", 10) == ""

"""The whole appliance by its charts on a real cluster: the doors, the rights, an upgrade, a power cut, an uninstall."""

import base64
import json
import ssl
import tempfile
from collections.abc import Mapping

import httpx
import pytest

from airgate_kit import names
from tests.charts import appliance
from tests.charts.charts import NAMESPACE, find_ci_values
from tests.cluster.wait import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
KEPT = ("airgate-keys", "airgate-tls")
ALL = find_ci_values()
LIMIT_S = 120
AS_NEW = ("create", "--dry-run=server", "--validate=strict", "-f", "-")
BY_NAME = {"sni_hostname": "airgate.local"}


@pytest.fixture(scope="module")
def values(images):
    """The umbrella chart's values for this checkout's images."""
    return appliance.make_values(images)


@pytest.fixture(scope="module")
def installed(cluster, helm, values, tmp_path_factory):
    """The cluster with the whole appliance on it."""
    appliance.install(cluster, helm, "airgate", "airgate", values, tmp_path_factory.mktemp("values"))
    return cluster


def read_secret(cluster, name) -> Mapping[str, str]:
    """Return what a Secret holds, as text."""
    found = cluster.kubectl("-n", NAMESPACE, "get", "secret", name, "-o", "json").stdout
    return {key: base64.b64decode(value).decode() for key, value in json.loads(found)["data"].items()}


@pytest.fixture
def client(installed):
    """A client outside the cluster that trusts the appliance's own certificate, by the name in it."""
    trust = ssl.create_default_context(cadata=read_secret(installed, "airgate-tls")["tls.crt"])
    with httpx.Client(base_url=f"https://{installed.control.address}", verify=trust, timeout=10) as client:
        yield client


def get(client: httpx.Client, path: str) -> httpx.Response:
    """Ask under the name in the certificate."""
    return client.get(path, extensions=BY_NAME)


def sign_in(client: httpx.Client, password: str) -> httpx.Response:
    """Sign in as the first user."""
    return client.post("/api/v2/session", json={"name": "admin", "password": password}, extensions=BY_NAME)


def find_pod(cluster, component: str) -> dict:
    """Return the running pod of a component."""
    chosen = f"app.kubernetes.io/component={component}"
    found = cluster.kubectl("-n", NAMESPACE, "get", "pods", "-l", chosen, "-o", "json").stdout
    return next(pod for pod in json.loads(found)["items"] if pod["status"]["phase"] == "Running")


def test_the_node_s_port_443_answers_with_a_certificate_of_its_own(installed, client):
    """A browser on the site's network reaches the console by HTTPS, with nothing else installed."""
    wait_until("The gateway", lambda: get(client, "/gateway/readyz").status_code == 200, LIMIT_S)
    assert get(client, "/api/v2/nothing").status_code in (401, 404)


def test_the_first_password_from_the_secret_opens_the_console(installed, client):
    """What helm prints after an install is true."""
    password = read_secret(installed, "airgate-keys")["first-password"]
    assert sign_in(client, password).status_code == 200
    assert sign_in(client, "wrong").status_code == 401


def test_port_80_is_shut(installed):
    """No password crosses the network in the clear."""
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{installed.control.address}/", timeout=5)


def read_exists(cluster, container: str, path: str) -> bool:
    """Return whether a file is there in a container of the webapp's pod."""
    look = f"import os; print(os.path.exists({path!r}))"
    where = ("-n", NAMESPACE, "exec", "deploy/airgate-web", "-c", container)
    return cluster.kubectl(*where, "--", "python3", "-c", look).stdout.startswith("True")


def test_who_breaks_into_the_pages_finds_no_way_into_the_cluster(installed):
    """The token lies in the reconciler's container, the signing key in the web container, and neither in the other."""
    token = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    assert [read_exists(installed, box, token) for box in ("web", "reconciler")] == [False, True]
    assert [read_exists(installed, box, "/keys/signing.pem") for box in ("web", "reconciler")] == [True, False]


def can_i(cluster, *question: str) -> bool:
    """Return the API server's own answer about the reconciler's account."""
    account = f"system:serviceaccount:{NAMESPACE}:airgate-reconciler"
    return cluster.kubectl("auth", "can-i", *question, f"--as={account}", check=False).stdout.strip() == "yes"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (("create", "deployments.apps", "-n", names.NAMESPACE_DEPLOY), True),
        (("delete", "services", "-n", names.NAMESPACE_COMPUTE), True),
        (("create", "jobs.batch", "-n", names.NAMESPACE_COMPUTE), True),
        (("create", "jobs.batch", "-n", NAMESPACE), False),
        (("list", "nodes"), True),
        (("list", "pods", "-A"), True),
        (("get", "pods", "--subresource=log", "-n", names.NAMESPACE_DEPLOY), True),
        (("delete", "pods", "-n", names.NAMESPACE_DEPLOY), True),
        (("delete", "pods", "-n", names.NAMESPACE_COMPUTE), True),
        (("delete", "pods", "-n", NAMESPACE), False),
        (("create", "pods", "-n", names.NAMESPACE_DEPLOY), False),
        (("get", "pods", "-n", names.NAMESPACE_DEPLOY), False),
        (("create", "pods", "--subresource=exec", "-n", names.NAMESPACE_DEPLOY), False),
        (("get", "secrets", "-n", NAMESPACE), False),
        (("create", "deployments.apps", "-n", NAMESPACE), False),
        (("update", "nodes"), False),
        (("list", "secrets", "-A"), False),
    ],
)
def test_the_reconciler_may_do_what_it_does_and_no_more(installed, question, answer):
    """RBAC says it, and the API server means it."""
    assert can_i(installed, *question) is answer


@pytest.mark.parametrize("namespace", [names.NAMESPACE_DEPLOY, names.NAMESPACE_COMPUTE])
def test_the_cluster_itself_refuses_a_pod_that_is_more_than_restricted(installed, images, namespace):
    """Not even a mistake of ours runs a model as root."""
    pod = appliance.make_pod("root", images["serving"], "pass")
    pod["metadata"]["namespace"] = namespace
    pod["spec"]["securityContext"] = {"runAsUser": 0}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(json.dumps(pod))
        file.flush()
        said = installed.kubectl("apply", "--dry-run=server", "-f", file.name, check=False)
    assert said.returncode != 0
    assert "violates PodSecurity" in said.stderr


@pytest.mark.parametrize(("chart", "path"), ALL, ids=[f"{chart}-{path.stem}" for chart, path in ALL])
def test_the_api_server_takes_every_object_of_every_example(installed, helm, chart, path):
    """No field is misspelt and no object invalid: the server itself is asked, strictly. What exists, exists."""
    rendered = helm.template(chart, "--values", path).stdout.encode()
    said = installed.kubectl(*AS_NEW, source=rendered, check=False)
    wrong = [line for line in said.stderr.splitlines() if "(AlreadyExists)" not in line]
    assert [line for line in wrong if not line.startswith("Warning: would violate PodSecurity")] == []


def test_an_upgrade_keeps_keys_and_certificate_and_changes_nothing_that_runs(installed, helm, values, tmp_path):
    """Tokens and trust that were given out stay good; an upgrade to the same restarts nobody."""
    before = {name: read_secret(installed, name) for name in KEPT}
    pods = [find_pod(installed, part)["metadata"]["uid"] for part in ("web", "files", "gateway", "device-plugin")]
    appliance.install(installed, helm, "airgate", "airgate", values, tmp_path)
    assert {name: read_secret(installed, name) for name in KEPT} == before
    assert [
        find_pod(installed, part)["metadata"]["uid"] for part in ("web", "files", "gateway", "device-plugin")
    ] == pods


def scale(cluster, replicas: int) -> None:
    """Scale the webapp and wait."""
    cluster.kubectl("-n", NAMESPACE, "scale", "deploy/airgate-web", f"--replicas={replicas}")
    cluster.kubectl("-n", NAMESPACE, "rollout", "status", "deploy/airgate-web", f"--timeout={LIMIT_S}s")


def test_the_gateway_starts_from_its_files_with_the_webapp_away(installed, client):
    """After a power cut predictions come back, whether or not the webapp does."""
    wait_until("The gateway", lambda: get(client, "/gateway/readyz").status_code == 200, LIMIT_S)
    scale(installed, 0)
    try:
        installed.kubectl("-n", NAMESPACE, "delete", "pod", "airgate-gateway-0", "--grace-period=0", "--force")
        installed.kubectl("-n", NAMESPACE, "rollout", "status", "sts/airgate-gateway", f"--timeout={LIMIT_S}s")
        wait_until("The gateway alone", lambda: answers(client), LIMIT_S)
    finally:
        scale(installed, 1)


def answers(client: httpx.Client) -> bool:
    """Whether the gateway answers that it has routes."""
    try:
        return get(client, "/gateway/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_uninstall_leaves_models_keys_and_certificate_and_a_new_install_finds_them(installed, helm, values, tmp_path):
    """`helm uninstall` is no way to lose a model or every token."""
    before = {name: read_secret(installed, name) for name in KEPT}
    installed.helm("uninstall", "airgate", "--namespace", NAMESPACE, "--wait", f"--timeout={LIMIT_S}s")
    assert {name: read_secret(installed, name) for name in KEPT} == before
    claim = ("-n", NAMESPACE, "get", "pvc", "airgate-data", "-o", "jsonpath={.status.phase}")
    assert installed.kubectl(*claim).stdout == "Bound"
    appliance.install(installed, helm, "airgate", "airgate", values, tmp_path)
    assert {name: read_secret(installed, name) for name in KEPT} == before


def test_no_image_was_pulled(installed):
    """All came from the node's own store: nothing is asked of a registry."""
    events = installed.kubectl("get", "events", "-A", "-o", "jsonpath={.items[*].message}").stdout
    assert "already present on machine" in events
    assert "Pulling image" not in events

"""A deployment with a card outlasts what happens at night: processes that are killed, and the power that goes."""

import random
import time
from collections.abc import Iterator

import httpx
import pytest

from airgate_kit import names
from tests.charts import appliance
from tests.charts.conftest import CARDS
from tests.charts.test_install import LIMIT_S, installed, read_secret, scale, values  # noqa: F401
from tests.cluster import Cluster
from tests.cluster.wait import wait_until
from tests.kit.appliance import Appliance
from tests.serving.models import make_two_inputs

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
ROUTE, LASTING, KILLED = "shop", "totals", "killed"
ROWS = {"X": [{"count": 3, "price": 1.5}, {"count": 2, "price": 10.0}]}
RESULT = [{"total": 4.5}, {"total": 20.0}]
CARD = {"accelerators": 1, "resource": names.RESOURCE_QAIC, "cpu": 0.25}
SERVICES = "airgate.io/kind=service"
OVER = ("Failed", "Succeeded")
SEED = 20261127
LATEST_S = 2.0  # after the wish


@pytest.fixture(scope="module")
def person(installed: Cluster) -> Iterator[Appliance]:  # noqa: F811
    """A person with a project and a model in it."""
    appliance.wait_allocatable(installed, CARDS)
    wait_until("The console", lambda: is_up(installed), LIMIT_S)
    who = Appliance(find_url(installed), "admin", read_secret(installed, "airgate-keys")["first-password"])
    who.send("POST", "/projects", {"name": "Shop", "route": ROUTE})
    wait_until("The model", lambda: upload(who), LIMIT_S)
    yield who
    remove(installed, who, LASTING)
    who.send("DELETE", f"/projects/{ROUTE}")
    who.close()


@pytest.fixture(scope="module")
def token(person: Appliance) -> str:
    """A token of a deployment with a card that answers."""
    person.deploy(ROUTE, LASTING, model="totals", **CARD)
    person.wait_until_ready(ROUTE, LASTING)
    token = person.make_token(ROUTE, LASTING)
    assert predicts(person, token)
    return token


def find_url(cluster: Cluster) -> str:
    """Return where the gateway answers."""
    return f"https://{cluster.control.address}"


def is_up(cluster: Cluster) -> bool:
    """Return whether the console answers through the gateway."""
    try:
        return httpx.get(f"{find_url(cluster)}/api/v2/session", verify=False, timeout=5).status_code == 401
    except httpx.TransportError:
        return False


def upload(person: Appliance) -> bool:
    """Publish the model; False while the tester that reads its signature is on its way up."""
    try:
        person.upload(ROUTE, "totals", "totals.onnx", make_two_inputs().SerializeToString())
    except AssertionError as refused:
        if " 503 " not in str(refused):
            raise
        return False
    return True


def predicts(person: Appliance, token: str, name: str = LASTING) -> bool:
    """Return whether a deployment answers rightly through the gateway."""
    try:
        answer = person.predict(ROUTE, name, token, ROWS)
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and answer.json()["result"] == RESULT


def list_objects(cluster: Cluster, name: str, kinds: str = "deploy,svc,secret,pod") -> list[str]:
    """Return a deployment's objects in the cluster."""
    ask = ("get", kinds, "-n", names.NAMESPACE_DEPLOY, "-l", SERVICES, "-o", "name")
    return [one for one in cluster.kubectl(*ask).stdout.split() if f"-{name}" in one]


def list_over(cluster: Cluster) -> list[str]:
    """Return the pods of models that are over and still listed."""
    ask = ("get", "pods", "-n", names.NAMESPACE_DEPLOY, "-o", "name")
    return [
        pod for phase in OVER for pod in cluster.kubectl(*ask, f"--field-selector=status.phase={phase}").stdout.split()
    ]


def remove(cluster: Cluster, person: Appliance, name: str) -> None:
    """Remove a deployment and wait until nothing of it is left: the node has room for one more, not for two."""
    person.remove_deployment(ROUTE, name)
    wait_until("The end of the deployment", lambda: not list_objects(cluster, name), LIMIT_S)


def kill_process(cluster: Cluster, command: str) -> None:
    """SIGKILL the one process of the webapp's image that runs a command."""
    pid = cluster.control.exec("pgrep", "-f", f"airgate_web {command}").stdout.split()[0]
    cluster.control.exec("kill", "-KILL", pid)


@pytest.mark.parametrize("number", range(3))
def test_the_very_first_request_after_ready_is_answered(installed, person, token, number):  # noqa: F811
    """Ready means that the gateway answers, whatever the cluster's DNS has heard of."""
    name = f"first-{number}"
    person.deploy(ROUTE, name, model="totals", **CARD)
    first = person.make_token(ROUTE, name)
    try:
        person.wait_until_ready(ROUTE, name)
        answer = person.predict(ROUTE, name, first, ROWS)
        assert (answer.status_code, answer.json()) == (200, {"result": RESULT})
    finally:
        remove(installed, person, name)


@pytest.mark.parametrize("victim", ["web", "reconcile"])
def test_a_kill_in_the_middle_of_a_deploy_loses_and_doubles_nothing(installed, person, token, victim):  # noqa: F811
    """At a seeded moment after the wish; the one that answered goes on, the new one comes up once, and goes whole."""
    person.deploy(ROUTE, KILLED, model="totals", **CARD)
    time.sleep(random.Random(f"{SEED}-{victim}").uniform(0, LATEST_S))  # the moment itself is what the test is about
    try:
        kill_process(installed, victim)
        assert predicts(person, token)
        wait_until("The console", lambda: is_up(installed), LIMIT_S)
        person.wait_until_ready(ROUTE, KILLED)
        assert len(list_objects(installed, KILLED, "pod")) == 1
    finally:
        wait_until("The console", lambda: is_up(installed), LIMIT_S)
        remove(installed, person, KILLED)


def test_predictions_come_back_after_a_power_cut_with_the_webapp_away(installed, person, token):  # noqa: F811
    """Web and reconciler are kept from starting; the pod with the card, its model and its route come back alone.

    A pod that the node refused when it came back, before the plugin had named its card, is gone soon after them.
    """
    scale(installed, 0)
    try:
        installed.control.kill()
        installed.control.start()
        installed.wait_ready()
        wait_until("Predictions", lambda: predicts(person, token), 2 * LIMIT_S)
        web = ("-n", names.NAMESPACE_SYSTEM, "get", "pods", "-l", "app.kubernetes.io/component=web", "-o", "name")
        assert installed.kubectl(*web).stdout == ""
        assert not is_up(installed)
    finally:
        scale(installed, 1)
    wait_until("The console", lambda: is_up(installed), LIMIT_S)
    person.wait_until_ready(ROUTE, LASTING)
    assert predicts(person, token)
    wait_until("The end of what is over", lambda: not list_over(installed), LIMIT_S)
    assert len(list_objects(installed, LASTING, "pod")) == 1

"""The one job on a cluster: a model goes in by the gateway, is tested, gets a card, and answers by the gateway."""

import json

import httpx
import pytest

from airgate_kit import names
from tests.charts import appliance
from tests.charts.conftest import CARDS
from tests.charts.test_install import BY_NAME, LIMIT_S, client, installed, read_secret, values  # noqa: F401
from tests.cluster.wait import wait_until
from tests.serving.models import make_two_inputs

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
ROUTE, NAME = "shop", "totals"
ROWS = {"X": [{"count": 3, "price": 1.5}, {"count": 2, "price": 10.0}]}
RESULT = [{"total": 4.5}, {"total": 20.0}]


class Person:
    """Somebody at the API, signed in as the first user."""

    def __init__(self, client: httpx.Client, password: str) -> None:  # noqa: F811
        self.client = client
        body = {"name": "admin", "password": password}
        self.token = self.ask("POST", "/api/v2/session", json=body)["token"]

    def ask(self, method: str, path: str, **body: object) -> dict:
        """Ask and return the answer's JSON."""
        headers = {"Authorization": f"Bearer {self.token}"} if hasattr(self, "token") else {}
        answer = self.client.request(method, path, headers=headers, extensions=BY_NAME, **body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else {}

    def find_state(self) -> str:
        """Return the deployment's state with the sentence that explains it."""
        found = self.ask("GET", f"/api/v2/projects/{ROUTE}/deployments/{NAME}")
        return f"{found['state']} {found['sentence']}".strip()


@pytest.fixture
def person(installed, client):  # noqa: F811
    """A person with a project and a model in it, once the tester is warm."""
    appliance.wait_allocatable(installed, CARDS)
    who = Person(client, read_secret(installed, "airgate-keys")["first-password"])
    who.ask("POST", "/api/v2/projects", json={"name": "Shop", "route": ROUTE})
    tester = "app.kubernetes.io/managed-by=airgate,airgate.io/kind=tester"
    ready = (
        "-n",
        names.NAMESPACE_COMPUTE,
        "get",
        "pods",
        "-l",
        tester,
        "-o",
        "jsonpath={..containerStatuses[*].ready}",
    )
    wait_until("The tester", lambda: "true" in installed.kubectl(*ready).stdout.split(), LIMIT_S)
    fields = {"name": "totals", "filename": "totals.onnx"}
    model = make_two_inputs().SerializeToString()
    who.ask("POST", f"/api/v2/projects/{ROUTE}/models", params=fields, content=model)
    yield who
    who.ask("DELETE", f"/api/v2/projects/{ROUTE}/deployments/{NAME}")
    who.ask("DELETE", f"/api/v2/projects/{ROUTE}")
    left = ("-n", names.NAMESPACE_DEPLOY, "get", "deploy,svc,secret,pod", "-l", "airgate.io/kind=service", "-o", "name")
    wait_until("The end of the deployment", lambda: not installed.kubectl(*left).stdout, LIMIT_S)


def test_a_model_is_tested_deployed_with_a_card_and_called(installed, client, person):  # noqa: F811
    """Everything between a file and a prediction happens inside, over HTTPS, with a card and a token."""
    trial = person.ask("POST", f"/api/v2/projects/{ROUTE}/models/totals/versions/1/test", json={"args": ROWS})
    assert (trial["ok"], trial["device"]) == (True, "CPU")
    wish = {"name": NAME, "model": "totals", "accelerators": 1, "resource": names.RESOURCE_QAIC, "cpu": 0.25}
    path = person.ask("POST", f"/api/v2/projects/{ROUTE}/deployments", json=wish)["path"]
    wait_until("The deployment", lambda: person.find_state().startswith("Ready"), LIMIT_S)
    token = person.ask("POST", f"/api/v2/projects/{ROUTE}/deployments/{NAME}/tokens", json={})["token"]

    def predict(**headers: str) -> httpx.Response:
        return client.post(path, json=ROWS, headers=headers, extensions=BY_NAME)

    wait_until("The route", lambda: predict(Authorization=f"Bearer {token}").status_code == 200, LIMIT_S)
    assert predict(Authorization=f"Bearer {token}").json()["result"] == RESULT
    assert predict().status_code == 401
    assert find_card(installed)[0].startswith("/dev/accel/accel")


def find_card(cluster) -> tuple[str, str]:
    """Return the device node that the deployment's pod has, and its number, as the pod itself sees them."""
    look = "import glob,json,os; print(json.dumps([*glob.glob('/dev/accel/*'), os.environ['QAIC_VISIBLE_DEVICES']]))"
    chosen = ("-n", names.NAMESPACE_DEPLOY, "get", "pods", "-l", "airgate.io/kind=service", "-o", "name")
    pod = cluster.kubectl(*chosen).stdout.split()[0]
    where = ("-n", names.NAMESPACE_DEPLOY, "exec", pod, "-c", "serve")
    node, number = json.loads(cluster.kubectl(*where, "--", "python3", "-c", look).stdout)
    return node, number

"""A card dies in a deployment's hands while a caller calls: when the next good prediction came, and what failed.

The cards are simulated and the model computes on the CPU, so a replica on a dead card would go on answering. Only an
answer of another process, which holds another card, counts as good.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from airgate_kit import names
from tests.kit.appliance import Appliance

MODEL = "who"
SCRIPT = b"""import secrets

ME = secrets.token_hex(8)


def predict(args):
    return [{"me": ME}]
"""
CARD = {"accelerators": 1, "resource": names.RESOURCE_QAIC, "cpu": 0.25}
LIMIT_S = 180.0
PAUSE_S = 0.05
CALL_S = 5.0  # a call to a replica that is being ended must not hide the answers of its successor


@dataclass
class Loss:
    """What the caller saw. seconds: from the card's death to the first answer of another process."""

    seconds: float
    calls: int = 0
    failures: list[str] = field(default_factory=list)


def deploy(appliance: Appliance, route: str, name: str) -> str:
    """Deploy the script with one card; return a token of it once it answers through the gateway."""
    appliance.deploy(route, name, model=MODEL, **CARD)
    appliance.wait_for(route, name, lambda found: found["state"] == "Ready", LIMIT_S)
    token = appliance.make_token(route, name)
    wait(lambda: ask(appliance, route, name, token)[0])
    return token


def ask(appliance: Appliance, route: str, name: str, token: str) -> tuple[str, str]:
    """Return (which process answered, ""), or ("", what went wrong)."""
    url = f"{appliance.url}/api/v1/svc/{route}/{name}/predict"
    headers = {"authorization": f"Bearer {token}"}
    try:
        answer = httpx.post(url, json={"args": {}}, headers=headers, verify=False, trust_env=False, timeout=CALL_S)
    except httpx.HTTPError as error:
        return "", repr(error)
    return (answer.json()["result"][0]["me"], "") if answer.status_code == 200 else ("", f"{answer.status_code}")


def find_card(appliance: Appliance, route: str, name: str) -> str:
    """Return the one card that the deployment's one replica holds, once it is known by name."""
    wait(lambda: list_cards(appliance, route, name))
    (card,) = list_cards(appliance, route, name)
    return card


def list_cards(appliance: Appliance, route: str, name: str) -> list[str]:
    """Return the cards of the replicas that are not ending."""
    replicas = appliance.find_deployment(route, name)["running"]
    return [card for each in replicas if each["state"] != "Stopped" for card in each["devices"]]


def measure_loss(appliance: Appliance, route: str, name: str, token: str, lose: Callable[[], object]) -> Loss:
    """Let a card die while the deployment is called again and again; return what the caller saw."""
    first, trouble = ask(appliance, route, name, token)
    assert first, trouble
    loss, over = Loss(0.0), threading.Event()
    moment: list[float] = []

    def call_on() -> None:
        while not over.is_set():
            who, trouble = ask(appliance, route, name, token)
            loss.calls += 1
            loss.failures += [trouble] if trouble else []
            if who not in ("", first):
                moment.append(time.monotonic())
                over.set()
            over.wait(PAUSE_S)

    caller = threading.Thread(target=call_on)
    caller.start()
    begin = time.monotonic()
    lose()
    came = over.wait(LIMIT_S)
    over.set()
    caller.join()
    assert came, f"no other process answered in {LIMIT_S:g} s; {appliance.find_deployment(route, name)}"
    loss.seconds = round(moment[0] - begin, 2)
    return loss


def wait(is_so: Callable[[], object]) -> None:
    """Wait for a condition."""
    end = time.monotonic() + LIMIT_S
    while not is_so():
        assert time.monotonic() < end, f"not in {LIMIT_S:g} s"
        time.sleep(PAUSE_S)

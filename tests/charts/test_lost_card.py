"""A granted card dies under traffic on a real cluster: the kubelet evicts nobody, so the appliance does."""

import pytest

from airgate_kit import names
from tests.charts import appliance
from tests.charts.conftest import CARDS
from tests.charts.test_install import LIMIT_S, installed, read_secret, values  # noqa: F401
from tests.charts.test_lasting import find_url, is_up
from tests.cluster.wait import wait_until
from tests.kit import card_loss
from tests.kit.appliance import Appliance

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]
ROUTE, LIVE, GREEDY = "cards", "live", "greedy"


@pytest.fixture(scope="module")
def person(installed):  # noqa: F811
    """A person with a project and the script in it; every card is well before and after."""
    appliance.wait_allocatable(installed, CARDS)
    wait_until("The console", lambda: is_up(installed), LIMIT_S)
    who = Appliance(find_url(installed), "admin", read_secret(installed, "airgate-keys")["first-password"])
    who.send("POST", "/projects", {"name": "Cards", "route": ROUTE})
    wait_until("The script", lambda: upload(who), LIMIT_S)
    yield who
    who.send("DELETE", f"/projects/{ROUTE}")
    who.close()


@pytest.fixture(scope="module")
def token(installed, person):  # noqa: F811
    """A token of a deployment with one card that answers."""
    yield card_loss.deploy(person, ROUTE, LIVE)
    person.remove_deployment(ROUTE, LIVE)
    wait_until("The end of every pod", lambda: not list_pods(installed), LIMIT_S)


@pytest.fixture
def lose(installed):  # noqa: F811
    """Let cards die; all are well again after the test."""
    lost = []

    def lose_card(card):
        lost.append(card)
        appliance.simulate_cards(installed.control, "--lose", card)

    yield lose_card
    for card in lost:
        appliance.simulate_cards(installed.control, "--restore", card)
    appliance.wait_allocatable(installed, CARDS)


def upload(person):
    """Publish the script; False while the tester that reads it is on its way up."""
    try:
        person.upload(ROUTE, card_loss.MODEL, "who.py", card_loss.SCRIPT)
    except AssertionError as refused:
        if " 503 " not in str(refused):
            raise
        return False
    return True


def list_pods(cluster):
    """Return the pods of deployed services."""
    ask = ("-n", names.NAMESPACE_DEPLOY, "get", "pods", "-l", "airgate.io/kind=service", "-o", "name")
    return cluster.kubectl(*ask).stdout.split()


def test_predictions_come_back_from_a_spare_card(installed, person, token, lose):  # noqa: F811
    """Through TLS, token and Envoy, with a caller that never stops; nobody has to do anything."""
    card = card_loss.find_card(person, ROUTE, LIVE)
    loss = card_loss.measure_loss(person, ROUTE, LIVE, token, lambda: lose(card))
    print(f"{loss.seconds} s from the card's death to the next good prediction, {len(loss.failures)} of {loss.calls}")
    assert card_loss.find_card(person, ROUTE, LIVE) != card
    person.wait_until_ready(ROUTE, LIVE)


def test_a_dead_card_that_is_held_hides_no_healthy_one(installed, person, token, lose):  # noqa: F811
    """With one card dead, all others can be held at once: the scheduler is not left to count the dead one's pod."""
    card = card_loss.find_card(person, ROUTE, LIVE)
    lose(card)
    person.deploy(ROUTE, GREEDY, model=card_loss.MODEL, **(card_loss.CARD | {"accelerators": CARDS - 2}))
    person.wait_for(ROUTE, GREEDY, lambda found: found["state"] == "Ready", LIMIT_S)
    person.wait_for(ROUTE, LIVE, lambda found: found["state"] == "Ready", LIMIT_S)
    held = card_loss.list_cards(person, ROUTE, LIVE) + card_loss.list_cards(person, ROUTE, GREEDY)
    assert card not in held
    person.remove_deployment(ROUTE, GREEDY)


def test_without_a_spare_the_page_names_the_card_and_the_next_one_that_is_freed_is_taken(
    installed,  # noqa: F811
    person,
    token,
    lose,
):
    """Nobody ends what cannot start again; and nobody has to start it again."""
    person.wait_until_ready(ROUTE, LIVE)
    person.deploy(ROUTE, GREEDY, model=card_loss.MODEL, **(card_loss.CARD | {"accelerators": CARDS - 1}))
    person.wait_for(ROUTE, GREEDY, lambda found: found["state"] == "Ready", LIMIT_S)
    card = card_loss.find_card(person, ROUTE, LIVE)
    (before,) = [each["name"] for each in person.find_deployment(ROUTE, LIVE)["running"]]
    lose(card)
    found = person.wait_for(ROUTE, LIVE, lambda found: found["state"] == "Failed", LIMIT_S)
    assert (
        f"{before}: lost its card {card} (it left the PCI bus; reseat the card or reboot the node)" in found["sentence"]
    )
    assert f"no other {names.RESOURCE_QAIC} is free: {CARDS - 1} held by {ROUTE}/{GREEDY}." in found["sentence"]
    person.remove_deployment(ROUTE, GREEDY)
    person.wait_for(ROUTE, LIVE, lambda found: found["state"] == "Ready", LIMIT_S)
    assert card_loss.find_card(person, ROUTE, LIVE) != card

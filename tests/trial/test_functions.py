"""A script with several functions, from the page where one is chosen to the gateway where it is called."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.kit.trial import Trial
from tests.trial.window import open_window

pytestmark = [pytest.mark.trial, pytest.mark.browser, pytest.mark.timeout(300)]
PROJECT = "functions"
SCRIPT = b"""
SAMPLE = {"words": ["oak", "elm"]}

def predict(args):
    return [len(word) for word in args["words"]]

def explain(args):
    print("explaining")
    return {"why": f"{args['word']} has {len(args['word'])} letters"}

def _own(args):
    return args
"""


@pytest.fixture(scope="module")
def trial(shared_trial: Trial) -> Trial:
    """A trial with a project in which the script is a model."""
    shared_trial.appliance.send("POST", "/projects", {"name": "Functions", "route": PROJECT})
    made = shared_trial.appliance.upload(PROJECT, "letters", "letters.py", SCRIPT)
    assert [one["name"] for one in made["signature"]["further"]] == ["explain"]
    return shared_trial


@pytest.fixture(scope="module")
def page(trial: Trial) -> Iterator[Page]:
    """A window in which admin is signed in."""
    with open_window(trial) as page:
        yield page


def test_a_function_is_chosen_on_the_page_and_the_sandbox_answers(page: Page) -> None:
    """The real script runs behind the lock: first predict with its sample, then the other with what was typed."""
    page.goto(f"/projects/{PROJECT}/models/letters?tab=test")
    page.get_by_role("button", name="Run test").click()
    expect(page.get_by_text("[3, 3]")).to_be_visible()
    page.get_by_label("Function").click()
    page.get_by_role("option", name="explain").click()
    expect(page.get_by_text("[3, 3]")).to_have_count(0)
    page.get_by_label("Input as JSON").fill('{"word": "willow"}')
    page.get_by_role("button", name="Run test").click()
    expect(page.get_by_text("willow has 6 letters")).to_be_visible()
    expect(page.get_by_text("explaining")).to_be_visible()


def test_the_address_that_its_page_gives_for_a_function_answers(trial: Trial, page: Page) -> None:
    """Copied from the page of its deployment and sent through the gateway."""
    trial.appliance.deploy(PROJECT, "letters", model="letters", cpu=0.5)
    trial.appliance.wait_until_ready(PROJECT, "letters")
    page.goto(f"/projects/{PROJECT}/deployments/letters")
    page.get_by_text("Its other functions").click()
    expect(page.get_by_text(f"/api/v1/svc/{PROJECT}/letters/explain")).to_be_visible()
    token = trial.appliance.make_token(PROJECT, "letters")
    answer = trial.appliance.predict(PROJECT, "letters", token, {"args": {"word": "ash"}}, "explain")
    assert answer.json() == {"result": {"why": "ash has 3 letters"}}
    trial.appliance.remove_deployment(PROJECT, "letters")

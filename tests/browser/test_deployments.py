"""Deployments by the pages: made, watched, called, changed, waited for and deleted."""

import re

from playwright.sync_api import Page, expect

from tests.browser.stage import PROJECT


def test_the_deploy_form_says_what_the_server_would_say(page: Page) -> None:
    """Each wrong value gets its sentence while one types, and the button waits."""
    page.goto(f"{PROJECT}/deploy?model=digits&version=4")
    button = page.get_by_role("button", name="Deploy digits v4")
    wrong = page.locator(".wrong")
    page.get_by_label("Name", exact=True).fill("digits/live")
    expect(wrong).to_contain_text("has '/', which cannot stand in an address")
    expect(button).to_be_disabled()
    page.get_by_label("Name", exact=True).fill("digits-live")
    expect(wrong).to_contain_text("There is a deployment 'digits-live' already.")
    page.get_by_label("Name", exact=True).fill("digits-third")
    page.get_by_label("CPU, cores").fill("900")
    expect(wrong).to_contain_text("out of range")
    page.get_by_label("CPU, cores").fill("0.5")
    page.get_by_label("Accelerator", exact=True).click()
    page.get_by_role("option", name="qualcomm.com/qaic").click()
    expect(page.get_by_text("1 of 4 free")).to_be_visible()
    idle = page.get_by_text("Holds 1 qualcomm.com/qaic but computes on the CPU: this runtime has no provider")
    expect(idle).to_be_visible()
    count = page.get_by_label("Accelerators for each replica, whole cards", exact=True)
    expect(count).to_have_value("1")  # whoever chooses a kind of card is offered one
    count.fill("1.5")
    expect(wrong).to_contain_text("must be a whole number, 1.5 is not")
    count.fill("2")
    expect(page.get_by_text("1 free now, so it waits for 1")).to_be_visible()
    expect(wrong).to_be_empty()
    expect(button).to_be_enabled()


def test_a_deployment_is_made_watched_called_and_deleted(page: Page) -> None:
    """The wish appears at once, the fact without reloading, the token once, and deleting asks for the name."""
    page.goto(f"{PROJECT}/deploy?model=iris")
    page.get_by_label("Name", exact=True).fill("iris-live")
    page.get_by_role("button", name="Deploy iris v1").click()
    page.get_by_role("heading", name="iris-live").wait_for()
    expect(page.get_by_text("Waiting")).to_be_visible()
    page.request.post("/stage/ready/quality-control/iris-live")
    expect(page.get_by_text("Ready").first).to_be_visible()
    expect(page.get_by_text("/api/v1/svc/quality-control/iris-live/predict").first).to_be_visible()
    page.get_by_role("button", name="Make token").click()
    page.get_by_label("Whom it is for").fill("line 3")
    page.locator(".sheet").get_by_role("button", name="Make token").click()
    expect(page.locator(".sheet pre")).to_contain_text("ey")
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Revoke line 3").click()
    expect(page.locator(".sheet")).to_contain_text(re.compile(r"Revoke token [0-9a-f]{8}: line 3"))
    expect(page.locator(".sheet")).to_contain_text("cannot be undone")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".token")).to_contain_text("ends in")
    page.get_by_role("button", name="Revoke line 3").click()
    page.get_by_role("button", name="Revoke token").click()
    expect(page.locator(".sheet")).to_have_count(0)
    expect(page.get_by_text("revoked just now")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Delete iris-live")).to_be_disabled()
    page.get_by_label("Type iris-live to go on").fill("iris-live")
    page.get_by_role("button", name="Delete iris-live").click()
    page.get_by_role("heading", name="Quality control").wait_for()
    expect(page.get_by_text("iris-live")).to_have_count(0)


def test_a_server_that_brings_its_own_model_is_deployed_from_its_project(page: Page, address: str) -> None:
    """Arguments and timeouts are typed as in a shell; its page shows its address, its health and its metrics."""
    page.goto(f"{PROJECT}?tab=deployments")
    page.get_by_role("link", name="Deploy Llama").click()
    page.get_by_label("Arguments of the server").fill("--max-model-len '8192")
    expect(page.locator(".wrong")).to_contain_text("cannot be split into words")
    page.get_by_label("Arguments of the server").fill("--max-model-len 8192")
    page.get_by_text("Timeouts").click()
    page.get_by_label("Whole answer, seconds").fill("900")
    page.get_by_role("button", name="Deploy llm").click()
    expect(page.get_by_role("heading", name="llm")).to_be_visible()
    expect(page.get_by_text("--max-model-len 8192")).to_be_visible()
    expect(page.get_by_text("900 s")).to_be_visible()
    expect(page.locator(".facts")).not_to_contain_text("Model")
    expect(page.get_by_text(f"curl {address}/api/v1/svc/quality-control/llm/metrics")).to_be_visible()
    page.goto(f"{PROJECT}/deployments/llm/edit")
    expect(page.get_by_label("Arguments of the server")).to_have_value("--max-model-len 8192")


def test_a_second_model_is_put_onto_the_same_cards_and_shows_its_own_addresses(page: Page) -> None:
    """Chosen beside the first on the form; the deployment's page names where each is called."""
    page.goto(f"{PROJECT}/deploy?model=iris")
    page.get_by_label("Name", exact=True).fill("pair")
    page.get_by_label("More models on the same cards").click()
    page.get_by_role("option", name="digits").click()
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("^Deploy iris")).click()
    expect(page.get_by_role("heading", name="pair")).to_be_visible()
    expect(page.get_by_text("/api/v1/svc/quality-control/pair/models/digits/predict")).to_be_visible()
    page.locator(".facts").get_by_role("link", name="digits").click()
    expect(page.get_by_role("heading", name="digits")).to_be_visible()


def test_a_folder_that_may_not_be_registered_is_refused_on_the_form(page: Page) -> None:
    """The drawer says where models may lie, and why this one may not."""
    page.goto(PROJECT)
    page.get_by_role("button", name="Register a folder").click()
    page.get_by_label("Name", exact=True).fill("llama")
    page.get_by_label("Folder", exact=True).fill("/etc")
    page.get_by_label("Digest of its manifest").fill("sha256:" + "0" * 64)
    page.get_by_role("button", name="Register", exact=True).click()
    expect(page.locator(".sheet .wrong")).to_contain_text("outside the places where models may lie")


def test_what_a_deployment_holds_itself_is_free_for_it(page: Page) -> None:
    """Beside the field and in the preview stands the same number, and why it is one more than elsewhere."""
    page.goto(f"{PROJECT}/deployments/digits-live/edit")
    expect(page.get_by_text("3 of 4 free, 2 of them its own")).to_be_visible()
    expect(
        page.get_by_text("Takes 4 qualcomm.com/qaic; 3 free now, 2 of them its own, so it waits for 1.")
    ).to_be_visible()


def test_editing_begins_with_what_is_deployed(page: Page) -> None:
    """Change one thing, keep the rest."""
    page.goto(f"{PROJECT}/deployments/digits-second/edit")
    expect(page.get_by_label("Name", exact=True)).to_have_value("digits-second")
    page.get_by_role("button", name="One more: Replicas").click()
    page.get_by_role("button", name="Apply to digits v4").click()
    page.get_by_role("heading", name="digits-second").wait_for()
    expect(page.locator(".facts")).to_contain_text("Changes1")


def test_what_waits_names_who_holds_what_it_waits_for(page: Page) -> None:
    """The sentence, a link to the holder, and the card that is not well."""
    page.goto(f"{PROJECT}/deployments/digits-second")
    expect(page.get_by_text("2 held by quality-control/digits-live")).to_be_visible()
    page.get_by_role("link", name="Open quality-control/digits-live").click()
    page.get_by_role("heading", name="digits-live").wait_for()
    expect(page.get_by_text("It computes on the CPU although it holds a card")).to_be_visible()
    page.goto("/accelerators")
    expect(page.get_by_text("link degraded x8 to x4")).to_be_visible()
    expect(page.get_by_role("link", name="quality-control/digits-live")).to_have_count(2)


def test_simulated_cards_say_so_wherever_they_are_listed_or_held(page: Page) -> None:
    """Nobody takes the trial's cards for hardware."""
    note = "imulated: it can be held and lost like a real card, but nothing computes on it."
    page.goto("/accelerators")
    expect(page.get_by_role("note")).to_have_text(f"qualcomm.com/qaic: s{note}")
    expect(page.get_by_text("qualcomm.com/qaic · simulated")).to_have_count(4)
    page.goto(f"{PROJECT}/deployments/digits-live")
    expect(page.get_by_text(note)).to_be_visible()
    page.goto("/nodes")
    expect(page.get_by_text("1 of 4 qualcomm.com/qaic free (simulated)")).to_be_visible()
    page.goto(f"{PROJECT}/deploy?model=digits")
    expect(page.get_by_text(note)).to_be_hidden()
    page.get_by_label("Accelerator", exact=True).click()
    page.get_by_role("option", name="qualcomm.com/qaic").click()
    expect(page.get_by_text(note)).to_be_visible()


def test_a_project_that_still_serves_is_not_deleted(page: Page) -> None:
    """The refusal names the deployment that stands in the way."""
    page.goto(PROJECT)
    page.get_by_role("button", name="More deeds").click()
    page.get_by_text("Delete project").click()
    page.get_by_label("Type quality-control to go on").fill("quality-control")
    page.get_by_role("button", name="Delete project quality-control").click()
    expect(page.locator(".sheet .wrong")).to_contain_text("still has the deployment 'digits-live'")

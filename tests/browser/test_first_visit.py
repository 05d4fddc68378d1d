"""From the door to a called model, in the order a customer meets the pages."""

import re
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, expect

from tests.browser.stage import LIMIT, PASSWORD

PROJECT = "/projects/quality-control"
SOON_MS = 5_000


def make_project(page: Page, name: str) -> None:
    """Make a project by its form."""
    page.goto("/projects")
    page.get_by_role("button", name="New project").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Create project").click()
    page.get_by_role("heading", name=name).wait_for()


def drop_file(page: Page, path: Path) -> None:
    """Choose a file in the drop zone."""
    page.locator("input[type=file]").set_input_files(path)


def test_the_door_says_why_it_stays_shut_and_where_the_first_password_is(window: Page) -> None:
    """A wrong password gets one sentence; the first start is told where the password lies."""
    window.goto("/sign-in")
    expect(window.get_by_text("first-password")).to_be_visible()
    window.get_by_label("Name").fill("ada")
    window.get_by_label("Password").fill("not this one")
    window.get_by_role("button", name="Sign in").click()
    expect(window.get_by_role("alert")).to_have_text("The name or the password is wrong. Check both; capitals count.")
    window.get_by_label("Password").fill(PASSWORD)
    window.get_by_role("button", name="Sign in").click()
    window.goto("/audit")
    expect(window.get_by_role("row").filter(has_text="failed sign-in")).to_contain_text("from 127.0.0.1")


def test_a_page_is_shown_only_after_the_door_and_then_the_one_that_was_asked_for(window: Page) -> None:
    """A link from a colleague survives signing in."""
    window.goto("/projects/quality-control?tab=deployments")
    expect(window.get_by_role("button", name="Sign in")).to_be_visible()
    window.get_by_label("Name").fill("ada")
    window.get_by_label("Password").fill(PASSWORD)
    window.get_by_role("button", name="Sign in").click()
    expect(window.get_by_role("heading", name="Quality control")).to_be_visible()
    expect(window.get_by_role("tab", name="Deployments")).to_have_attribute("aria-selected", "true")


def test_the_door_leads_nowhere_else(window: Page, address: str) -> None:
    """A prepared link cannot use the door to send somebody to a strange page."""
    window.goto("/sign-in?next=//example.org/")
    window.get_by_label("Name").fill("ada")
    window.get_by_label("Password").fill(PASSWORD)
    window.get_by_role("button", name="Sign in").click()
    expect(window.get_by_role("heading", name="Home")).to_be_visible()
    expect(window).to_have_url(address + "/")


def test_signing_out_shuts_the_door(page: Page) -> None:
    """After signing out no page is shown in this browser."""
    page.get_by_role("button", name="Your account").click()
    page.get_by_text("Sign out").click()
    page.get_by_role("button", name="Sign in").wait_for()
    page.goto("/projects")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_new_project_gets_a_route_out_of_its_name(page: Page) -> None:
    """The route follows the name while it is typed, and a wrong one is explained at once."""
    page.goto("/projects")
    page.get_by_role("button", name="New project").click()
    page.get_by_label("Name", exact=True).fill("Line 4, Camera B")
    expect(page.get_by_label("Route")).to_have_value("line-4-camera-b")
    page.get_by_label("Route").fill("Line 4")
    expect(page.get_by_text("has the capital 'L', and addresses are in small letters")).to_be_visible()
    page.get_by_label("Route").fill("line-4")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name="Line 4, Camera B")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/projects/line-4$"))


def test_a_name_that_is_taken_is_refused_in_the_form(page: Page) -> None:
    """A refusal of the service stands in the form, which stays open."""
    page.goto("/projects")
    page.get_by_role("button", name="New project").click()
    page.get_by_label("Name", exact=True).fill("Botany")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_text("There is a project 'botany' already.")).to_be_visible()


def test_a_dropped_file_becomes_a_model_and_then_its_next_version(page: Page, tmp_path: Path) -> None:
    """Drop a file, see the model; drop another of the same name, see version 2."""
    make_project(page, "Uploads")
    for version in (1, 2):
        file = tmp_path / "Digits Net.onnx"
        file.write_bytes(b"model %d" % version)
        page.goto("/projects/uploads")
        drop_file(page, file)
        expect(page.locator(".ask input").first).to_have_value("digits-net")
        page.get_by_role("button", name="Upload digits-net").click()
        expect(page.get_by_role("button", name="Switch version")).to_contain_text(f"v{version}")
    page.get_by_role("tab", name="Versions").click()
    expect(page.get_by_role("row")).to_have_count(3)  # the heading and two versions


def test_a_dropped_data_set_shows_its_first_lines_and_comes_back_as_it_was(page: Page, tmp_path: Path) -> None:
    """Plain text as it stands, markup in it included; the download is the same file."""
    content = b"width,colour\n5.1,<b>red</b>\n"
    file = tmp_path / "Petals.csv"
    file.write_bytes(content)
    page.goto("/projects/botany?tab=data+sets")
    drop_file(page, file)
    page.get_by_role("button", name="Upload petals").click()
    page.get_by_role("heading", name="petals").wait_for()
    expect(page.get_by_text("5.1,<b>red</b>")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "Petals.csv"
    assert Path(download.value.path()).read_bytes() == content


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"nonsense", "is not a model."),
        (b"", "is empty."),
        (b"model" + bytes(LIMIT), "over the limit"),
    ],
)
def test_a_refused_file_says_why_and_leaves_nothing(page: Page, tmp_path: Path, content: bytes, sentence: str) -> None:
    """One clear sentence where the file was dropped, and no file, model or version more than before."""
    kept = page.request.get("/stage/blobs").json()
    file = tmp_path / "broken.onnx"
    file.write_bytes(content)
    page.goto(PROJECT)
    drop_file(page, file)
    page.get_by_role("button", name="Upload broken").click()
    expect(page.locator(".ask [role=alert]")).to_contain_text(sentence)
    assert page.request.get("/stage/blobs").json() == kept
    expect(page.get_by_role("tab", name="Models")).to_contain_text("2")


def test_a_test_shows_the_picture_then_the_words_then_how_to_call_it(page: Page) -> None:
    """The form is filled with a sample; the answer comes as bars, JSON, stdout and a curl line."""
    page.goto(f"{PROJECT}/models/iris?tab=test")
    expect(page.get_by_label("sepal_length")).to_have_value("5.1")
    page.get_by_label("sepal_length").fill("6.0")
    page.get_by_role("button", name="Run test").click()
    expect(page.locator(".bars .bar")).to_have_count(3)
    expect(page.get_by_text("1.0 ms on CPU")).to_be_visible()
    expect(page.get_by_text('"probabilities": [0.977, 0.021, 0.002]')).to_be_visible()
    expect(page.get_by_text("ONNX Runtime device: CPU")).to_be_visible()
    expect(page.get_by_text('"sepal_length": 6.0')).to_be_visible()


def test_a_field_that_is_no_number_is_explained_before_anything_runs(page: Page) -> None:
    """The sentence names the field."""
    page.goto(f"{PROJECT}/models/iris?tab=test")
    page.get_by_label("petal_width").fill("wide")
    page.get_by_role("button", name="Run test").click()
    expect(page.get_by_text("The field 'petal_width' is 'wide'. Write a number.")).to_be_visible()


def test_json_takes_over_what_the_form_holds_and_says_where_it_is_broken(page: Page) -> None:
    """Form and JSON are two ways to write the same input."""
    page.goto(f"{PROJECT}/models/iris?tab=test")
    page.get_by_label("sepal_width").fill("2.5")
    page.get_by_role("button", name="JSON").click()
    text = page.get_by_label("Input as JSON")
    expect(text).to_have_value(re.compile(r"2\.5"))
    text.fill('{"args": {"X": [')
    page.get_by_role("button", name="Run test").click()
    expect(page.get_by_text("The input is not JSON")).to_be_visible()


def test_json_takes_over_a_form_that_is_not_done(page: Page) -> None:
    """An empty field is null, a wrong one stands as it was typed; both are explained when the test is run."""
    page.goto(f"{PROJECT}/models/iris?tab=test")
    page.get_by_label("sepal_width").fill("")
    page.get_by_label("petal_width").fill("wide")
    page.get_by_role("button", name="JSON").click()
    text = page.get_by_label("Input as JSON")
    expect(text).to_have_value(re.compile(r'"sepal_width": null'))
    expect(text).to_have_value(re.compile(r'"petal_width": "wide"'))


def test_a_script_begins_with_its_own_sample(page: Page) -> None:
    """A script has no form; its SAMPLE stands there, runs as it is, and comes back after a mistake."""
    page.goto("/projects/botany/models/rules")
    expect(page.get_by_text('"colours": ["red"]')).to_be_visible()
    expect(page.get_by_text("No data available")).to_have_count(0)
    expect(page.get_by_role("heading", name="Inputs")).to_have_count(0)
    page.goto("/projects/botany/models/rules?tab=test")
    text = page.get_by_label("Input as JSON")
    expect(text).to_have_value(re.compile(r'"line": 3'))
    page.get_by_role("button", name="Run test").click()
    expect(page.get_by_text("1.0 ms on CPU")).to_be_visible()
    text.fill("{")
    page.get_by_role("button", name="Fill in sample").click()
    expect(text).to_have_value(re.compile(r'"colours": \["red"\]'))


def test_a_model_that_fails_says_so_and_what_to_do(page: Page) -> None:
    """A failure of the model is an answer, not an error page; there are no figures of what did not run."""
    page.goto(f"{PROJECT}/models/iris?tab=test")
    page.get_by_role("button", name="JSON").click()
    page.get_by_label("Input as JSON").fill('{"X": [{"bad": 1}]}')
    page.get_by_role("button", name="Run test").click()
    expect(page.get_by_text("The input 'sepal_width' is missing.")).to_be_visible()
    expect(page.get_by_text("then released")).to_have_count(0)
    expect(page.get_by_text("unknown device")).to_have_count(0)


def test_another_version_of_a_library_is_told_wherever_one_decides(page: Page) -> None:
    """On the version's page, beside the runtime of a test, on the deploy form, and where it is deployed."""
    warning = page.get_by_text("The file was made with scikit-learn 1.4.2; this runtime has 1.9.1, which is newer.")
    page.goto("/projects/botany/models/trees")
    expect(warning).to_be_visible()
    expect(page.get_by_text("compare them with your own")).to_be_visible()
    page.get_by_role("tab", name="Test").click()
    expect(warning).to_be_visible()
    page.goto("/projects/botany/deploy?model=trees")
    expect(warning).to_be_visible()
    page.get_by_role("button", name="Deploy trees v1").click()
    expect(page.get_by_role("heading", name="trees")).to_be_visible()
    expect(warning).to_be_visible()


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


def test_an_unknown_page_says_what_is_missing_and_the_api_still_answers_json(page: Page) -> None:
    """Pages answer with a sentence and 404; below /api there is never a page."""
    answer = page.goto("/projects/nowhere")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", name="There is no project 'nowhere'.")).to_be_visible()
    answer = page.goto("/no/such/page")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", name="There is no page /no/such/page.")).to_be_visible()
    unknown = page.request.get("/api/v2/nowhere")
    assert (unknown.status, unknown.json()["code"]) == (404, "not_found")
    assert page.request.put("/api/v2/projects").status == 405


def test_what_people_write_is_shown_and_never_run(page: Page) -> None:
    """Markup in a name, a description or a note stays text on every page that shows it."""
    evil = "<img src=x onerror=document.title='broken'>"
    page.goto("/projects")
    page.get_by_role("button", name="New project").click()
    page.get_by_label("Name", exact=True).fill(evil)
    page.get_by_label("Route").fill("evil")
    page.get_by_label("Description").fill(evil)
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name=evil)).to_be_visible()
    for path in ("/", "/projects", "/audit"):
        page.goto(path)
        page.locator("table").wait_for()
        assert "broken" not in page.title()
    page.goto(f"{PROJECT}/deployments/digits-live")
    page.get_by_role("button", name="Make token").click()
    page.get_by_label("Whom it is for").fill(evil)
    page.locator(".sheet").get_by_role("button", name="Make token").click()
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_text(evil)).to_be_visible()
    assert page.locator("img[src=x]").count() == 0


def test_a_session_that_ends_elsewhere_ends_here_too(page: Page) -> None:
    """After the password was changed, an open page does nothing more for whoever sits in front of it."""
    page.goto("/projects")
    page.get_by_role("button", name="New project").click()
    page.get_by_label("Name", exact=True).fill("Too late")
    change_password(page, PASSWORD, "five words are better still")
    try:
        with suppress(Error):  # the page may have noticed by itself, and be gone
            page.get_by_role("button", name="Create project").click(timeout=SOON_MS)
        over = page.get_by_text("This session is over. Sign in again.")
        expect(over.or_(page.get_by_role("button", name="Sign in"))).to_be_visible()
    finally:
        change_password(page, "five words are better still", PASSWORD)


def change_password(page: Page, old: str, new: str) -> None:
    """Change ada's password as from another machine."""
    opened = page.request.post("/api/v2/session", data={"name": "ada", "password": old}).json()
    headers = {"Authorization": f"Bearer {opened['token']}"}
    assert page.request.post("/api/v2/password", data={"old": old, "new": new}, headers=headers).ok

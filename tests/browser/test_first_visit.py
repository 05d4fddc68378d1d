"""From the door to a project with models and data, in the order a customer meets the pages."""

import re
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, expect

from tests.browser.stage import LIMIT, PASSWORD, PROJECT

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

"""A file that the scanner refuses, in Chromium: allowed with a reason, shown wherever it is used, withdrawn."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.test_first_visit import drop_file

BOTANY = "/projects/botany"


def test_an_administrator_allows_a_refused_file_below_the_refusal_and_withdraws_it_on_its_page(
    page: Page, tmp_path: Path
) -> None:
    """The reason is asked for, kept with the name, and shown; withdrawing refuses a test until it is allowed again."""
    file = tmp_path / "ferns.pkl"
    file.write_bytes(b"danger")
    page.goto(BOTANY)
    drop_file(page, file)
    page.get_by_role("button", name="Upload ferns").click()
    expect(page.locator(".ask [role=alert]")).to_contain_text("Opening this file would use posix.system.")
    page.get_by_label("Why it may be opened all the same").fill("Made <b>here</b>")
    page.get_by_role("button", name="Allow and upload ferns").click()
    expect(page.get_by_text("The scanner was overruled for v1.")).to_be_visible()
    expect(page.get_by_text("“Made <b>here</b>”")).to_be_visible()
    page.get_by_role("button", name="Withdraw permission").click()
    expect(page.get_by_text("v1 cannot be tested or deployed: its permission was withdrawn.")).to_be_visible()
    page.get_by_role("tab", name="Test").click()
    page.get_by_role("button", name="Run test").click()
    expect(page.get_by_text("has withdrawn the permission to open it.")).to_be_visible()
    page.get_by_role("tab", name="Overview").click()
    page.get_by_role("button", name="Allow again").click()
    page.get_by_role("button", name="Allow v1").click()
    expect(page.locator(".sheet .wrong")).to_contain_text("The reason is empty.")
    page.get_by_label("Why may it be opened?").fill("Looked at it.")
    page.get_by_role("button", name="Allow v1").click()
    expect(page.get_by_text("“Looked at it.”")).to_be_visible()
    page.goto("/audit")
    expect(page.get_by_text("allow past the scanner").first).to_be_visible()


def test_a_deployment_says_that_the_scanner_was_overruled_for_what_it_serves(page: Page) -> None:
    """Who looks at it sees by whom and why."""
    page.goto(f"{BOTANY}/deployments/moss-live")
    expect(page.get_by_text("The scanner was overruled for moss v1.")).to_be_visible()
    expect(page.get_by_text("“Made on line 3 by our own people.”")).to_be_visible()


def test_a_member_reads_who_allowed_it_and_has_no_button_to_change_it(page: Page) -> None:
    """A refused file gets the sentence that says whom to ask."""
    page.request.post("/stage/role/ada/user")
    try:
        page.goto(f"{BOTANY}/models/moss")
        expect(page.get_by_text("The scanner was overruled for v1.")).to_be_visible()
        expect(page.get_by_role("button", name="Withdraw permission")).to_have_count(0)
        page.goto(BOTANY)
        with_file = {"name": "moss-2.pkl", "mimeType": "application/octet-stream", "buffer": b"danger"}
        page.locator("input[type=file]").set_input_files(with_file)  # type: ignore[arg-type]
        page.get_by_role("button", name="Upload moss-2").click()
        expect(page.locator(".ask [role=alert]")).to_contain_text("ask an administrator")
        expect(page.get_by_label("Why it may be opened all the same")).to_have_count(0)
    finally:
        page.request.post("/stage/role/ada/admin")

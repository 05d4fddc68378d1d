"""The one Chromium that tests and pictures look at pages with."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

# Chromium without its windows, menus and wrapper: the same pages for half the work.
CHROMIUM = "/usr/lib/chromium/chromium-headless-shell"
# Its own sandbox needs user namespaces, which containers do not give; without hinting, letters stand as on a screen.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--font-render-hinting=none"]


@contextmanager
def run_chromium() -> Iterator[Browser]:
    """Start Chromium without a window, and end it with the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def sign_in(page: Page, name: str, password: str) -> None:
    """Go through the door to Home; the page's context knows the appliance's address."""
    page.goto("/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Home").wait_for()

"""One Chromium and one stage for each file of tests; each test gets a fresh window that is signed in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.stage import PASSWORD, run_stage
from tests.kit.chromium import run_chromium, sign_in

PATIENCE_MS = 40_000
expect.set_options(timeout=PATIENCE_MS)  # its own 5 s are not enough beside other tests


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this room."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium without a window."""
    with run_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the stage answers."""
    with run_stage() as address:
        yield address


@pytest.fixture
def window(browser: Browser, address: str) -> Iterator[Page]:
    """A fresh window without a session. It fails the test when a page raises an error or asks another host."""
    context = browser.new_context(base_url=address, viewport={"width": 1440, "height": 900}, color_scheme="light")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("request", lambda request: is_inside(request.url, address) or wrong.append(f"outside: {request.url}"))
    page.on("console", lambda message: wrong.append(message.text) if "Content Security" in message.text else None)
    yield page
    context.close()
    assert not wrong


@pytest.fixture
def page(window: Page) -> Page:
    """A window in which ada is signed in."""
    sign_in(window, "ada", PASSWORD)
    return window


def is_inside(url: str, address: str) -> bool:
    """Return whether an address belongs to the appliance, or never leaves the browser."""
    return url.startswith((address + "/", "data:", "blob:"))

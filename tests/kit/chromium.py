"""The one Chromium that tests and pictures look at pages with."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

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

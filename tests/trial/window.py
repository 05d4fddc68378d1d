"""The window in which tests look at a trial."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page

from tests.browser.conftest import PATIENCE_MS
from tests.kit.chromium import run_chromium, sign_in
from tests.kit.trial import Trial


@contextmanager
def open_window(trial: Trial) -> Iterator[Page]:
    """Open a window in which admin is signed in by the first password, and close it with the block."""
    with run_chromium() as browser:
        page = browser.new_page(base_url=f"http://127.0.0.1:{trial.port}")
        page.set_default_timeout(PATIENCE_MS)
        sign_in(page, "admin", (trial.home / "first-password").read_text().strip())
        yield page

"""Takes the README's pictures from a running trial: `make trial` with AIRGATE_QAIC=4, then `make screenshots`.

It deploys two samples, one that gets a card and one that waits for four, and deletes them again afterwards.
AIRGATE_HOME and AIRGATE_PORT say which trial; the pictures go to runtime_images/webapp/screenshots.
"""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Error, Page

from tests.kit.chromium import run_chromium, sign_in

FOLDER = Path(__file__).parents[2] / "runtime_images/webapp/screenshots"
HOME = Path(os.environ.get("AIRGATE_HOME") or Path.home() / ".local/share/airgate")
ADDRESS = f"http://127.0.0.1:{os.environ.get('AIRGATE_PORT') or 8080}"
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
SAMPLES = "/projects/samples"
CARD = "qualcomm.com/qaic"
START_MS = 60_000  # a model may take so long to come up on a busy machine


def main() -> int:
    """Take all pictures and return the exit code."""
    password_file = HOME / "first-password"
    if not password_file.exists():
        print(f"No trial in {HOME}. Start one: AIRGATE_QAIC=4 make trial", file=sys.stderr)
        return 2
    FOLDER.mkdir(exist_ok=True)
    with run_chromium() as browser:
        try:
            take_all(browser, password_file.read_text().strip())
        except Error as error:
            print(f"The trial at {ADDRESS} did not show what was expected: {error.message}", file=sys.stderr)
            return 1
    return 0


def take_all(browser: Browser, password: str) -> None:
    """Take each picture in the order of a first visit."""
    with open_window(browser, password, "light", WIDE) as page, deployed(page, "digits-live", 1):
        page.goto(f"{SAMPLES}/models/iris?tab=test")
        page.get_by_role("button", name="Run test").click()
        page.locator(".bars").wait_for(timeout=START_MS)
        take(page, "test")
        page.goto(f"{SAMPLES}/deployments/digits-live")
        page.get_by_text("Ready").first.wait_for(timeout=START_MS)
        take(page, "deployment")
        with deployed(page, "digits-large", 4):
            page.goto("/")
            page.locator(".why").wait_for(timeout=START_MS)
            take(page, "home")
            take_phone(browser, password)


def take_phone(browser: Browser, password: str) -> None:
    """Take the deployment that waits, on a phone in the dark."""
    with open_window(browser, password, "dark", PHONE) as page:
        page.goto(f"{SAMPLES}/deployments/digits-large")
        page.locator(".why").wait_for()
        take(page, "waiting-phone")


@contextmanager
def open_window(browser: Browser, password: str, look: Any, size: Any) -> Iterator[Page]:
    """Yield a window in which admin is signed in."""
    context = browser.new_context(base_url=ADDRESS, color_scheme=look, viewport=size, device_scale_factor=1)
    page = context.new_page()
    sign_in(page, "admin", password)
    yield page
    context.close()


@contextmanager
def deployed(page: Page, name: str, cards: int) -> Iterator[None]:
    """Have the sample model `digits` deployed under `name` with so many cards."""
    path = "/api/v2" + SAMPLES + "/deployments"
    body = {"name": name, "model": "digits", "accelerators": cards, "resource": CARD}
    origin = {"Origin": ADDRESS}  # the session's cookie changes something only from a page of this address
    answer = page.request.post(path, data=body, headers=origin)
    if not answer.ok:
        raise Error(answer.json()["error"])
    try:
        yield
    finally:
        page.request.delete(f"{path}/{name}", headers=origin)


def take(page: Page, name: str) -> None:
    """Keep what the window shows."""
    page.wait_for_function("window.socket?.connected && document.fonts.status === 'loaded'")
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.save(FOLDER / f"{name}.png", optimize=True)
    print(f"{FOLDER / name}.png")


if __name__ == "__main__":
    sys.exit(main())

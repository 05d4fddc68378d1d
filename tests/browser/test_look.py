"""How the pages hold up: contrast, phones, the keyboard, no way out, and a server that goes away."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE_MS, is_inside
from tests.browser.stage import FAILED, JUDGED, PASSWORD, PREDICTED, PROJECT, RUNS, run_stage
from tests.kit.chromium import sign_in

PAGES = (
    "/",
    "/projects",
    PROJECT,
    f"{PROJECT}?tab=deployments",
    f"{PROJECT}/models/digits",
    f"{PROJECT}/models/iris?tab=test",
    f"{PROJECT}/models/digits?tab=versions",
    f"{PROJECT}/deploy?model=digits",
    f"{PROJECT}/deployments/digits-live",
    f"{PROJECT}/deployments/digits-second",
    f"{PROJECT}?tab=jobs",
    f"{PROJECT}/run?model=iris",
    *(f"{PROJECT}/jobs/{number}" for number in (RUNS, PREDICTED, JUDGED, FAILED)),
    "/projects/botany/models/trees",
    "/projects/botany/models/trees?tab=test",
    "/projects/botany/deploy?model=trees",
    "/projects/botany/models/moss",
    "/projects/botany/models/rules",
    "/projects/botany/models/towers",
    "/projects/botany/models/towers?tab=test",
    "/projects/botany/deployments/moss-live",
    "/accelerators",
    "/nodes",
    "/runtimes",
    "/audit",
    "/system",
)
# The contrast of every visible text with the first opaque ground behind it, as WCAG 2.2 reckons it (1.4.3).
FAINT = """() => {
  const read = (text) => text.match(/[\\d.]+/g).map(Number);
  const channel = (one) => (one /= 255) <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const colour = read(getComputedStyle(element).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || element.closest("script, style, .disabled, [disabled]") || !element.checkVisibility()) continue;
    const [a, b] = [light(read(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return faint;
}"""
# Two clicks so close that no answer from the server fits between them, but the page is drawn anew.
TWICE = "async (one) => { one.click(); await new Promise((done) => setTimeout(done)); one.click() }"
# Buttons and links of the frame and of forms; links within a sentence may be smaller (WCAG 2.2, 2.5.8).
SMALL = """() => [...document.querySelectorAll("button, .side a, .q-tab, .q-field__control")]
  .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.matches(".link, .q-field__control *"))
  .map((one) => [one.getBoundingClientRect(), one.ariaLabel || one.textContent.trim()])
  .filter(([box]) => box.width > 0 && box.height < LEAST)
  .map(([box, name]) => `${name}: ${Math.round(box.height)}`)"""

MARKED = """() => {
  const style = getComputedStyle(document.activeElement);
  return (style.outlineStyle !== "none" && style.outlineWidth !== "0px") || style.boxShadow !== "none";
}"""


def open_page(browser: Browser, address: str, **options: Any) -> Page:
    """Return a signed-in window of another kind."""
    context = browser.new_context(base_url=address, **options)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    sign_in(page, "ada", PASSWORD)
    return page


def settle(page: Page, path: str) -> None:
    """Open a page and wait until it is drawn and connected."""
    page.goto(path)
    page.locator("h1").first.wait_for()
    page.wait_for_function("window.socket?.connected")


@pytest.mark.parametrize("look", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(browser: Browser, address: str, look: Any) -> None:
    """At least 4.5 : 1 on every page, light and dark."""
    page = open_page(browser, address, color_scheme=look, viewport={"width": 1440, "height": 900})
    faint = {}
    for path in PAGES:
        settle(page, path)
        faint[path] = page.evaluate(FAINT)
    page.context.close()
    assert {path: texts for path, texts in faint.items() if texts} == {}


def test_a_phone_needs_no_sideways_scrolling_and_fits_a_thumb(browser: Browser, address: str) -> None:
    """At 390 px nothing is wider than the screen, and what is pressed is 44 px high (36 px for a field's inside)."""
    page = open_page(browser, address, viewport={"width": 390, "height": 844}, has_touch=True)
    wide, small = {}, {}
    for path in PAGES:
        settle(page, path)
        wide[path] = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        small[path] = page.evaluate(SMALL.replace("LEAST", "36"))
    page.context.close()
    assert {path: by for path, by in wide.items() if by > 0} == {}
    assert {path: names for path, names in small.items() if names} == {}


def test_a_phone_opens_the_rooms_from_a_menu(browser: Browser, address: str) -> None:
    """The rooms slide in, lead on, and Esc puts them away."""
    page = open_page(browser, address, viewport={"width": 390, "height": 844})
    settle(page, "/")
    expect(page.get_by_role("link", name="Accelerators")).to_be_hidden()
    page.get_by_role("button", name="Menu", exact=True).click()
    expect(page.get_by_role("link", name="Accelerators")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Accelerators")).to_be_hidden()
    page.get_by_role("button", name="Menu", exact=True).click()
    page.get_by_role("link", name="Accelerators").click()
    expect(page.get_by_role("heading", name="Accelerators")).to_be_visible()
    page.context.close()


def test_the_chosen_look_is_remembered(page: Page) -> None:
    """Dark stays dark on the next page, whatever the system prefers."""
    settle(page, "/")
    page.get_by_role("button", name="Light or dark").click()
    expect(page.locator("html")).to_have_class(re.compile("dark"))
    settle(page, "/nodes")
    expect(page.locator("html")).to_have_class(re.compile("dark"))
    expect(page.locator("body")).to_have_class(re.compile("body--dark"))


def test_ctrl_k_jumps_to_anything_with_a_name(page: Page) -> None:
    """Type a few letters, press Enter, be there."""
    settle(page, "/")
    page.keyboard.press("Control+k")
    page.get_by_placeholder("Project, model, deployment or node").fill("iri")
    expect(page.get_by_text("model in Quality control")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="iris")).to_be_visible()


def test_esc_closes_a_form_and_nothing_was_done(page: Page) -> None:
    """A drawer goes away by the keyboard."""
    settle(page, "/projects")
    page.get_by_role("button", name="New project").click()
    page.get_by_label("Name", exact=True).fill("Never")
    page.keyboard.press("Escape")
    expect(page.locator(".sheet")).to_have_count(0)
    expect(page.get_by_text("Never")).to_have_count(0)


def test_the_keyboard_reaches_everything_and_shows_where_it_is(page: Page) -> None:
    """Tab goes through the page in order; what has the focus has an outline or a ring."""
    settle(page, PROJECT)
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break  # once around
        reached.append(page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent.trim()"))
        assert page.evaluate(MARKED), reached[-1]
    assert {"Go to content", "Projects", "More deeds", "choose one", "digits"} <= set(reached)


def test_a_change_by_somebody_else_appears_without_reloading(browser: Browser, address: str, page: Page) -> None:
    """Two people look at the list of projects; what one makes the other sees."""
    settle(page, "/projects")
    other = open_page(browser, address)
    token = other.request.post("/api/v2/session", data={"name": "ada", "password": "four words are good"}).json()[
        "token"
    ]
    body = {"name": "Made elsewhere", "route": "made-elsewhere"}
    assert other.request.post("/api/v2/projects", data=body, headers={"Authorization": f"Bearer {token}"}).ok
    expect(page.get_by_text("Made elsewhere")).to_be_visible()
    other.context.close()


def test_a_second_click_on_a_heading_counts_before_the_server_has_answered_the_first(page: Page) -> None:
    """Two quick clicks order a table downwards, however slow the line."""
    settle(page, "/projects")
    page.get_by_role("columnheader", name="Route").evaluate(TWICE)
    expect(page.get_by_role("columnheader", name="Route")).to_have_class(re.compile("sort-desc"))
    expect(page.locator("tbody tr .mono").first).to_have_text("quality-control")


def test_what_was_filtered_and_sorted_stays_so_when_the_table_changes(page: Page, address: str) -> None:
    """Somebody else's change does not take away what one is looking for."""
    for number in range(12):
        make_project(page, address, f"batch-{number}")
    settle(page, "/projects")
    page.get_by_label("Filter").fill("batch")
    heading = page.get_by_role("columnheader", name="Route")
    heading.click()
    heading.click()
    first = page.locator("tbody tr .mono").first
    expect(first).to_have_text("batch-9")
    make_project(page, address, "batch-99")
    expect(first).to_have_text("batch-99")
    expect(page.get_by_label("Filter")).to_have_value("batch")
    expect(page.get_by_text("quality-control")).to_have_count(0)


def make_project(page: Page, address: str, route: str) -> None:
    """Make a project by the API, with this window's session."""
    body = {"name": route, "route": route}
    assert page.request.post("/api/v2/projects", data=body, headers={"Origin": address}).ok


def test_a_page_that_lost_its_server_says_so_and_comes_back_by_itself(browser: Browser) -> None:
    """The server ends and starts again on the same port; nobody presses anything. (The stage forgets its sessions.)"""
    with run_stage() as address:
        page = open_page(browser, address)
        settle(page, "/nodes")
    expect(page.get_by_text("The appliance does not answer.")).to_be_visible()
    with run_stage(int(address.rsplit(":", 1)[1])):
        expect(page.get_by_text("The appliance does not answer.")).to_be_hidden(timeout=30_000)
        expect(page.get_by_role("button", name="Sign in")).to_be_visible(timeout=30_000)
        page.context.close()


def test_no_page_asks_anything_outside(browser: Browser, address: str) -> None:
    """Fonts, scripts, icons and data come from the appliance alone."""
    asked: list[str] = []
    context = browser.new_context(base_url=address)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    sign_in(page, "ada", PASSWORD)
    for path in PAGES:
        settle(page, path)
    context.close()
    assert len(asked) > len(PAGES)
    assert [url for url in asked if not is_inside(url, address)] == []

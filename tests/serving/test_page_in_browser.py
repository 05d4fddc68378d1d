"""The form of a model, in a real browser."""

import pytest

from tests.kit.chromium import run_chromium

pytestmark = [pytest.mark.process, pytest.mark.browser]


@pytest.mark.parametrize("fixture", ["iris_server", "mlp_server", "map_server", "sequence_server"])
def test_a_person_sees_the_sample_presses_a_button_and_sees_the_prediction(fixture, request) -> None:
    """Nobody needs to know JSON to try a model; the page runs under its own policy without one error."""
    server = request.getfixturevalue(fixture)
    errors: list[str] = []
    with run_chromium() as browser:
        page = browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        page.goto(server.url("/"))
        page.locator("#curl", has_text="/predict").wait_for()
        page.click("button")
        page.locator("#answer", has_text="result").wait_for()
    assert [line for line in errors if "favicon" not in line] == []

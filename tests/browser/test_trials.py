"""Testing a model on its page, as a person does: fields, JSON, answers and warnings."""

import re

from playwright.sync_api import Page, expect

from tests.browser.stage import PROJECT


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
    text = page.get_by_label("Input as JSON")
    expect(page.get_by_role("button", name="JSON")).to_have_attribute("aria-pressed", "true")
    expect(text).to_have_value(re.compile("sepal_width"))
    text.fill('{"X": [{"bad": 1}]}')
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

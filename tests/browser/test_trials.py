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


def test_another_function_of_a_script_is_chosen_and_called_by_its_name(page: Page) -> None:
    """The page lists them; a choice begins anew, and the script to copy names the function."""
    page.goto("/projects/botany/models/rules")
    expect(page.get_by_role("cell", name="/explain")).to_be_visible()
    page.get_by_role("tab", name="Test").click()
    text = page.get_by_label("Input as JSON")
    expect(text).to_have_value(re.compile(r'"line": 3'))
    page.get_by_role("button", name="Run test").click()
    expect(page.get_by_text("1.0 ms on CPU")).to_be_visible()
    expect(page.get_by_text('"function"')).to_have_count(0)
    choose_function(page, "explain")
    expect(text).to_have_value(re.compile(r'^{\s*"args": {}\s*}$'))
    expect(page.get_by_text("Run the test to see what the model answers.")).to_be_visible()
    text.fill('{"row": 7}')
    page.get_by_role("button", name="Run test").click()
    expect(page.get_by_text('"args": {"row": 7}, "function": "explain"')).to_be_visible()


def test_a_model_without_predict_begins_with_its_first_function_and_says_why(page: Page) -> None:
    """Each function has a form of its own; the page and the deployment's address name the one that is called."""
    why = "The model has no function predict, so each call names one of its own, as POST …/encode%20item does."
    page.goto("/projects/botany/models/towers")
    expect(page.get_by_text(why)).to_be_visible()
    expect(page.get_by_role("cell", name="user BYTES n")).to_be_visible()
    page.get_by_role("tab", name="Test").click()
    expect(page.get_by_text(why)).to_be_visible()
    expect(page.get_by_label("item", exact=True)).to_have_value("7")
    choose_function(page, "encode_user")
    expect(page.get_by_label("item", exact=True)).to_have_count(0)
    page.get_by_label("user", exact=True).fill("grace")
    page.get_by_role("button", name="Run test").click()
    expect(page.get_by_text('"user": "grace"')).to_be_visible()
    expect(page.get_by_text('"function": "encode_user"')).to_be_visible()


def test_a_deployment_of_a_model_without_predict_is_called_by_a_function(page: Page) -> None:
    """Its form and its page give the address that answers, and every other function's with its own sample."""
    page.goto("/projects/botany/deploy?model=towers")
    page.get_by_label("Name", exact=True).fill("towers-live")
    expect(page.get_by_text("/api/v1/svc/botany/towers-live/encode%20item")).to_be_visible()
    page.get_by_role("button", name="Deploy towers v1").click()
    expect(page.get_by_role("heading", name="towers-live")).to_be_visible()
    expect(page.get_by_text("towers-live/encode%20item").first).to_be_visible()
    expect(page.get_by_text('[{"item": 7}]')).to_be_visible()
    expect(page.get_by_text("towers-live/predict")).to_have_count(0)
    page.get_by_text("Its other functions").click()
    expect(page.get_by_text("towers-live/encode_user")).to_be_visible()
    expect(page.get_by_text('[{"user": "ada"}]')).to_be_visible()


def choose_function(page: Page, name: str) -> None:
    """Choose one in the list."""
    page.get_by_label("Function").click()
    page.get_by_role("option", name=name).click()


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

"""Jobs by the pages: started, watched, downloaded, stopped and deleted."""

import re

from playwright.sync_api import Page, expect

from airgate_web.domain.secrets import find_job_secret
from tests.browser.stage import FAILED, INTERNAL, JUDGED, PREDICTED, PROJECT, RUNS


def tell(page: Page, number: int, **said: object) -> None:
    """Say what a job's process would."""
    secret = find_job_secret(INTERNAL, number)
    answer = page.request.post(f"/internal/jobs/{number}", data=said, headers={"Authorization": f"Bearer {secret}"})
    assert answer.status == 204


def test_the_form_suggests_columns_and_says_what_the_server_would_say(page: Page) -> None:
    """What the model does not ask for is kept, or holds the right answers; a wrong value gets its sentence."""
    page.goto(f"{PROJECT}/models/iris")
    page.get_by_role("link", name="Run job").click()
    page.get_by_role("heading", name="Run a job").wait_for()
    button, wrong = page.get_by_role("button", name="Run job"), page.locator(".wrong")
    keep = page.get_by_label("Columns to copy beside the predictions, with commas")
    expect(page.get_by_text("Columns of the file: sepal_length, sepal_width, petal_length")).to_be_visible()
    expect(keep).to_have_value("species")
    page.get_by_label("Task").click()
    page.get_by_role("option", name="Evaluation").click()
    expect(keep).to_be_hidden()
    target = page.get_by_label("Column with the right answers")
    expect(target).to_have_value("species")
    target.fill("")
    expect(wrong).to_contain_text("No column with the right answers is named.")
    expect(button).to_be_disabled()
    target.fill("species")
    page.get_by_label("CPU, cores").fill("900")
    expect(wrong).to_contain_text("out of range")
    page.get_by_label("CPU, cores").fill("0.5")
    expect(wrong).to_be_empty()
    expect(button).to_be_enabled()


def test_a_job_is_started_watched_stopped_and_deleted(page: Page) -> None:
    """The wish appears at once, its progress without reloading; stopping asks, deleting asks for the name."""
    page.goto(f"{PROJECT}/run?model=iris")
    expect(page.get_by_label("Columns to copy beside the predictions, with commas")).to_have_value("species")
    page.get_by_role("button", name="Run job").click()
    page.get_by_role("heading", name=re.compile(r"Job \d+")).wait_for()
    number = int(page.url.rpartition("/")[2])
    expect(page.get_by_text("Waits for the reconciler to see it.")).to_be_visible()
    tell(page, number, rows=1500, of=6000)
    expect(page.get_by_text("1\u2009500 of 6\u2009000")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".sheet")).to_contain_text("What it has done so far is lost.")
    page.locator(".sheet").get_by_role("button", name="Stop job").click()
    expect(page.locator(".head")).to_contain_text("Stopped")
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    page.get_by_role("button", name="Delete").click()
    page.get_by_label(f"Type job-{number} to go on").fill(f"job-{number}")
    page.get_by_role("button", name=f"Delete job-{number}").click()
    expect(page).to_have_url(re.compile(r"tab=jobs"))
    expect(page.get_by_role("link", name=f"Job {number}", exact=True)).to_have_count(0)


def test_the_table_leads_to_each_job_and_shows_how_far_it_is(page: Page) -> None:
    """State, rows and what was asked for; a word of its process moves it."""
    page.goto(f"{PROJECT}?tab=jobs")
    row = page.locator("tr", has_text=f"Job {RUNS}")
    expect(row).to_contain_text("Running")
    expect(row).to_contain_text("150\u2009000 of 600\u2009000")
    tell(page, RUNS, rows=300_000)
    expect(row).to_contain_text("300\u2009000 of 600\u2009000")
    row.get_by_role("link", name=f"Job {RUNS}").click()
    page.get_by_role("heading", name=f"Job {RUNS}").wait_for()


def test_the_last_lines_of_a_job_are_on_its_page(page: Page) -> None:
    """The newest in view, and new ones without reloading; a line is never markup, and no line is said to be none."""
    page.goto(f"{PROJECT}/jobs/{FAILED}")
    log = page.locator(".card", has=page.get_by_role("heading", name="Log"))
    expect(log.locator("pre")).to_contain_text(f"Job {FAILED}: failed: Row 17")
    reach = log.locator("pre").evaluate("one => [one.scrollHeight > one.clientHeight, one.scrollTop]")
    assert reach == [True, 0], "a column in reverse begins at its end"
    page.goto(f"{PROJECT}/jobs/{RUNS}")
    expect(log.locator("pre")).to_contain_text("looked at chunk 59")
    page.request.post(f"/stage/printed/{RUNS}?text=<b>looked</b> at it all")
    expect(log.locator("pre")).to_have_text("<b>looked</b> at it all")
    page.goto(f"{PROJECT}/jobs/{PREDICTED}")
    expect(log).to_contain_text("Nothing that it printed is kept.")


def test_home_counts_jobs_and_names_those_that_failed(page: Page) -> None:
    """Who comes in the morning sees what the night left, and one click leads to it."""
    page.goto("/")
    tile = page.locator(".stat", has_text="Jobs")
    expect(tile).to_contain_text(re.compile(r"\d+ running.*, 1 failed"))
    trouble = page.locator(".why", has_text=f"Job {FAILED} failed: Row 17: The input 'sepal_length' holds texts")
    trouble.get_by_role("link", name="Open it").click()
    page.get_by_role("heading", name=f"Job {FAILED}").wait_for()


def test_predictions_are_downloaded(page: Page) -> None:
    """A file, named after what made it."""
    page.goto(f"{PROJECT}/jobs/{PREDICTED}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download predictions").click()
    assert download.value.suggested_filename == "flowers-iris-v1.csv"


def test_metrics_stand_with_their_ratings_and_failures_with_their_sentence(page: Page) -> None:
    """Bad, fair or good where somebody says what is good; a figure alone where nobody does."""
    page.goto(f"{PROJECT}/jobs/{JUDGED}")
    metrics = page.locator(".card", has_text="Metrics")
    expect(metrics).to_contain_text(
        re.compile(r"accuracy\s*0.9533\s*good\s*recall\s*0.81\s*fair\s*log loss\s*0.9\s*bad")
    )
    expect(metrics).to_contain_text(re.compile(r"max error\s*3\s*$"))
    page.goto(f"{PROJECT}/jobs/{FAILED}")
    expect(page.locator(".why")).to_contain_text("Row 17: The input 'sepal_length' holds texts")
    page.goto(f"{PROJECT}/jobs/none")
    expect(page.get_by_text("There is no job")).to_be_visible()

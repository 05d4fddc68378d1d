"""Bad input, as a tired person gives it at night: one clear sentence each, and nothing left behind.

    a truncated ONNX file, a pickle that is not a model, an empty upload, one over the limit    BAD_FILES
    a name with capitals or a slash                                                             BAD_NAMES
    1.5 accelerators                                                                            NOT_A_COUNT
    a port in use                                                                               at the end

The rest of the list belongs to a node, and is in tests/roles: a wrong bundle signature and an older bundle in
test_bundle.py and test_bundle_files.py; too little disk or memory, no snapd and a wrong inventory variable in
test_preflight.py and test_on_a_node.py. tests/journeys/test_20_refuse_bad_bundle.py shows bad bundles to a bare server.
"""

import os
import pickle
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.gateway.rig import wait_until
from tests.kit.traces import explain_difference, look_around
from tests.kit.trial import Trial, run_trial
from tests.trial.window import open_window

pytestmark = [pytest.mark.trial, pytest.mark.timeout(300)]

LIMIT = 1024 * 1024  # bytes of the trial's upload limit
PROJECT = "/projects/samples"
CARD = {"model": "iris", "accelerators": 1, "resource": "qualcomm.com/qaic"}
OVER = "The file is over the limit of 1 MiB."
FIT = "Choose a smaller one, or raise the upload limit (AIRGATE_UPLOAD_LIMIT_MIB)."


class Command:
    """What somebody puts into a pickle to have a command run by whoever opens it."""

    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/airgate-was-here",)


# File name; its content, made of a good ONNX file; status, sentence and hint.
BAD_FILES: dict[str, tuple[str, Callable[[bytes], bytes], int, str, str]] = {
    "half an ONNX file": (
        "half.onnx", lambda good: good[: len(good) // 2], 422, "The ONNX file is cut short: it announces ", "again"
    ),
    "an ONNX file less one byte": (
        "less.onnx", lambda good: good[:-1], 422, "The ONNX file is cut short: it announces ", "again"
    ),
    "a pickle of no model": (
        "dict.pkl",
        lambda _: pickle.dumps({"weights": [1, 2]}),
        422,
        "The file holds a dict, which is not a model: it has no predict.",
        "Save the fitted estimator itself",
    ),
    "a pickle with a command in it": (
        "evil.pkl",
        lambda _: pickle.dumps(Command()),
        422,
        "Opening this file would use posix.system, which no scikit-learn model needs, so it was not opened.",
        "from the code you trust",
    ),
    "half a pickle": (
        "half.pkl", lambda good: pickle.dumps(good)[:999], 422, "The file is cut short: the pickle ends ", "again"
    ),
    "a text": (
        "notes.pkl", lambda _: b"not a model\n", 422, "The file is of no format that this runtime can serve.", "ONNX"
    ),
    "nothing": ("empty.onnx", lambda _: b"", 400, "The file 'empty.onnx' is empty.", "this one has 0 bytes"),
    "a little too much": ("big.onnx", lambda good: good + bytes(LIMIT), 413, OVER, FIT),
    "far too much": ("huge.onnx", lambda _: bytes(40 * LIMIT), 413, OVER, FIT),
}  # fmt: skip
SMALL = "has the capital 'D', and addresses are in small letters."
NO_SLASH = "has '/', which cannot stand in an address."
BAD_NAMES = [("Digits", SMALL, "'digits'"), ("digits/one", NO_SLASH, "'digits-one'")]
NOT_A_COUNT = [
    (1.5, "Accelerators must be a whole number, 1.5 is not: a card cannot be shared."),
    ("1.5", "Accelerators must be a whole number, 1.5 is not: a card cannot be shared."),
    (-1, "Accelerators -1 is out of range."),
    (True, "Accelerators 'True' is not a number."),
]


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """A trial with two simulated cards, a low upload limit, and a folder of its own for temporary files."""
    home = tmp_path_factory.mktemp("t") / "home"
    (home / "temporary").mkdir(parents=True)
    more = {"AIRGATE_UPLOAD_LIMIT_MIB": "1", "TMPDIR": str(home / "temporary")}
    with run_trial(home, cards=2, **more) as running:
        yield running


@pytest.fixture(scope="module")
def good(trial: Trial) -> bytes:
    """The sample project's ONNX model."""
    digest = trial.appliance.send("GET", f"{PROJECT}/models/digits")["latest"]["digest"].removeprefix("sha256:")
    return (trial.home / "blobs" / "sha256" / digest[:2] / digest).read_bytes()


@pytest.fixture(autouse=True)
def nothing_left(trial: Trial) -> Iterator[None]:
    """After each test the appliance keeps, runs and listens at what it did before it."""
    before = look_around(trial)
    yield
    with suppress(AssertionError):  # a helper process may still be ending; the comparison below says what is left
        wait_until("as it was", lambda: look_around(trial) == before)
    after = look_around(trial)
    assert after == before, explain_difference(before, after)


def refuse(answer: httpx.Response, status: int, sentence: str, hint: str) -> None:
    """Hold a refusal against what a person must read."""
    assert answer.status_code == status, answer.text
    said = answer.json()
    assert said["error"].startswith(sentence)
    assert said["error"].endswith(".")
    assert "\n" not in said["error"]
    assert hint in said["hint"]


@pytest.mark.parametrize("door", ["body", "form"])
@pytest.mark.parametrize("what", BAD_FILES)
def test_a_bad_file_is_refused_through_both_doors(trial: Trial, good: bytes, what: str, door: str) -> None:
    """As a raw body and in a form; no file, version or process stays, and nothing of a command was run."""
    filename, make, status, sentence, hint = BAD_FILES[what]
    sent: dict[str, Any] = {"params": {"name": "bad", "filename": filename}, "content": make(good)}
    if door == "form":
        sent = {"data": {"name": "bad"}, "files": {"file": (filename, make(good))}}
    refuse(trial.appliance.http.post(f"/api/v2{PROJECT}/models", **sent), status, sentence, hint)
    assert not Path("/tmp/airgate-was-here").exists()


@pytest.mark.parametrize("what", ["nothing", "a little too much"])
def test_a_bad_data_set_is_refused_too(trial: Trial, good: bytes, what: str) -> None:
    """The same file as a data set, the same sentence."""
    filename, make, status, sentence, hint = BAD_FILES[what]
    params = {"name": "bad", "filename": filename}
    answer = trial.appliance.http.post(f"/api/v2{PROJECT}/datasets", params=params, content=make(good))
    refuse(answer, status, sentence, hint)


@pytest.mark.parametrize(("name", "sentence", "hint"), BAD_NAMES)
@pytest.mark.parametrize("what", ["Model name", "Data set name", "Deployment name", "Project route"])
def test_a_name_that_cannot_stand_in_an_address_is_refused(
    trial: Trial, good: bytes, what: str, name: str, sentence: str, hint: str
) -> None:
    """The sentence shows the character, the hint a name that would do."""
    file = {"params": {"name": name, "filename": "good.onnx"}, "content": good}
    path, sent = {
        "Model name": (f"{PROJECT}/models", file),
        "Data set name": (f"{PROJECT}/datasets", file),
        "Deployment name": (f"{PROJECT}/deployments", {"json": {"name": name, "model": "iris"}}),
        "Project route": ("/projects", {"json": {"name": "Line 3", "route": name}}),
    }[what]
    refuse(trial.appliance.http.post(f"/api/v2{path}", **sent), 400, f"{what} '{name}' {sentence}", hint)


@pytest.mark.parametrize(("count", "sentence"), NOT_A_COUNT)
def test_one_and_a_half_accelerators_are_refused(trial: Trial, count: object, sentence: str) -> None:
    """A card comes whole."""
    wish = {**CARD, "name": "half", "accelerators": count}
    answer = trial.appliance.http.post(f"/api/v2{PROJECT}/deployments", json=wish)
    refuse(answer, 400, sentence, "Write 0 to 64.")


@pytest.fixture(scope="module")
def page(trial: Trial) -> Iterator[Page]:
    """A window in which admin is signed in."""
    with open_window(trial) as page:
        yield page


@pytest.mark.parametrize("what", BAD_FILES)
def test_the_page_says_the_same_where_the_file_was_dropped(page: Page, good: bytes, tmp_path: Path, what: str) -> None:
    """Sentence and hint together, also when the answer comes while the file is still being sent."""
    filename, make, _, sentence, hint = BAD_FILES[what]
    (tmp_path / filename).write_bytes(make(good))
    page.goto(PROJECT)
    page.locator("input[type=file]").set_input_files(tmp_path / filename)
    page.locator(".ask").get_by_role("button", name="Upload").click()
    alert = page.locator(".ask [role=alert]")
    expect(alert).to_contain_text(sentence)
    expect(alert).to_contain_text(hint)


def test_the_page_says_the_same_of_a_name_and_of_a_count_of_cards(page: Page) -> None:
    """While one types, and the button waits."""
    page.goto(f"{PROJECT}/deploy?model=iris")
    wrong, button = page.locator(".wrong"), page.get_by_role("button", name="Deploy iris")
    for name, sentence, hint in BAD_NAMES:
        page.get_by_label("Name", exact=True).fill(name)
        expect(wrong).to_contain_text(f"Deployment name '{name}' {sentence}")
        expect(wrong).to_contain_text(hint)
        expect(button).to_be_disabled()
    page.get_by_label("Name", exact=True).fill("half")
    page.get_by_label("Accelerator", exact=True).click()
    page.get_by_role("option", name="qualcomm.com/qaic").click()
    count = page.get_by_label("Accelerators for each replica, whole cards", exact=True)
    expect(count).to_have_value("1")  # the page has taken the choice
    count.fill("1.5")
    expect(wrong).to_contain_text("1.5 is not: a card cannot be shared. Write 0 to 64.")
    expect(button).to_be_disabled()


def test_a_port_in_use_is_refused_with_its_holder(trial: Trial, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A second trial at the first one's port: who has it, which variable to set, and not even a folder is made."""
    other = Trial(tmp_path_factory.mktemp("t") / "other", cards=0)
    other.environment["AIRGATE_PORT"] = str(trial.port)
    refused = other.run("up")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"Port {trial.port} on this machine is taken by process " in refused.stderr
    assert "(envoy --config-path /" in refused.stderr
    assert "or choose another port: AIRGATE_PORT=" in refused.stderr
    assert not other.home.exists()
    assert other.find_all_processes() == []


def test_a_port_that_another_program_has_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The holder here is this test itself."""
    other = Trial(tmp_path_factory.mktemp("t") / "other", cards=2)
    with socket.create_server(("127.0.0.1", other.port)):
        refused = other.run("up")
    assert refused.returncode == 1
    assert f"Port {other.port} on this machine is taken by process {os.getpid()} (" in refused.stderr
    assert not other.home.exists()
    assert other.find_all_processes() == []


def test_what_a_process_refuses_is_said_in_its_own_words(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nobody waits for two minutes to learn less, and nothing runs on."""
    other = Trial(tmp_path_factory.mktemp("t") / "other", cards=0)
    other.environment["AIRGATE_UPLOAD_LIMIT_MIB"] = "much"
    refused = other.run("up")
    assert refused.returncode == 1
    assert "web ends whenever it is started: airgate-web web: error: argument --upload-limit-mib:" in refused.stderr
    assert "make trial-logs" in refused.stderr
    assert other.find_all_processes() == []

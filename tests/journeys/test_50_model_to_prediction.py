"""From a file on a page to a prediction over HTTPS, on the node that site.yml installed; one test follows the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from playwright.sync_api import Page, expect

from airgate_kit import names
from airgate_protocols import open_inference_pb2 as messages
from airgate_protocols import open_inference_pb2_grpc as services
from airgate_trial.samples import train_digits
from tests.cluster.wait import wait_until
from tests.journeys.conftest import CARDS, Installed
from tests.kit.appliance import Appliance
from tests.kit.chromium import run_chromium, sign_in

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

KUBECTL = ("/snap/bin/microk8s", "kubectl")
ROUTE, MODEL, LIVE, OTHER, GREEDY = "quality-control", "digits", "digits-live", "digits-other", "digits-greedy"
PIXELS = [float(i % 17) for i in range(64)]
LOOK_INTO_POD = "import json, os; print(json.dumps([os.environ['QAIC_VISIBLE_DEVICES'], os.listdir('/dev/accel')]))"
PATIENCE_MS = 60_000


def kubectl(installed: Installed, *arguments: str) -> str:
    """Run kubectl on the node and return what it printed."""
    return str(installed.node.exec(*KUBECTL, *arguments).stdout)


@pytest.fixture(scope="module")
def password(installed: Installed) -> str:
    """The first password, where the installation says it lies."""
    field = 'go-template={{index .data "first-password" | base64decode}}'
    return kubectl(installed, "-n", names.NAMESPACE_SYSTEM, "get", "secret", "airgate-keys", "-o", field).strip()


@pytest.fixture(scope="module")
def appliance(installed: Installed, password: str) -> Iterator[Appliance]:
    """A person signed in through the API, to look at what the pages did."""
    signed_in = Appliance(installed.address, "admin", password)
    yield signed_in
    signed_in.close()


@pytest.fixture(scope="module")
def page(installed: Installed, password: str) -> Iterator[Page]:
    """A Chromium on the site, signed in as admin; any request to another address fails the tests."""
    with run_chromium() as browser:
        context = browser.new_context(base_url=installed.address, ignore_https_errors=True)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        outside: list[str] = []
        inside = (installed.address + "/", "data:", "blob:")
        page.on("request", lambda request: request.url.startswith(inside) or outside.append(request.url))
        sign_in(page, "admin", password)
        yield page
    assert outside == []


@pytest.fixture(scope="module")
def tokens(appliance: Appliance) -> dict[str, str]:
    """A token of each of two deployments, by its name; the second is made here and holds no card."""
    appliance.deploy(ROUTE, OTHER, model=MODEL, cpu=0.1)
    return {name: appliance.make_token(ROUTE, name) for name in (LIVE, OTHER)}


def test_a_model_is_uploaded_by_the_page(page: Page, tmp_path: Path) -> None:
    """Make a project, drop an ONNX file, see its signature."""
    page.goto("/projects")
    page.get_by_role("button", name="New project").click()
    page.get_by_label("Name", exact=True).fill("Quality control")
    page.get_by_role("button", name="Create project").click()
    page.get_by_role("heading", name="Quality control").wait_for()
    file = tmp_path / f"{MODEL}.onnx"
    file.write_bytes(train_digits())
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name=f"Upload {MODEL}").click()
    page.get_by_role("heading", name=MODEL).wait_for()
    expect(page.get_by_text("pixels").first).to_be_visible(timeout=PATIENCE_MS)


def test_a_test_shows_the_result_and_the_device(page: Page) -> None:
    """The sample runs as it stands, in the sandbox of a compute node's pod."""
    page.goto(f"/projects/{ROUTE}/models/{MODEL}?tab=test")
    page.get_by_role("button", name="Run test").click()
    expect(page.get_by_text("ONNX Runtime device: CPU")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("probabilities").first).to_be_visible()


def test_it_is_deployed_with_one_card_by_the_page(page: Page, appliance: Appliance) -> None:
    """One whole card, Ready on the page without reloading it, and the page says that the CPU computes."""
    page.goto(f"/projects/{ROUTE}/deploy?model={MODEL}")
    page.get_by_label("Name", exact=True).fill(LIVE)
    page.get_by_label("CPU, cores").fill("0.5")
    page.get_by_label("Accelerator", exact=True).click()
    page.get_by_role("option", name=names.RESOURCE_QAIC).click()
    page.get_by_label("Accelerators for each replica, whole cards", exact=True).fill("1")
    page.get_by_role("button", name=f"Deploy {MODEL} v1").click()
    page.get_by_role("heading", name=LIVE).wait_for()
    expect(page.get_by_text("Ready").first).to_be_visible(timeout=2 * PATIENCE_MS)
    expect(page.get_by_text("but computes on the CPU").first).to_be_visible()
    assert len(appliance.find_deployment(ROUTE, LIVE)["running"]) == 1


def test_its_pod_sees_its_card_and_no_other(installed: Installed, appliance: Appliance) -> None:
    """One device node and the host's number of the card, in the pod of an ordinary user."""
    pod = appliance.find_deployment(ROUTE, LIVE)["running"][0]["name"]
    seen = kubectl(installed, "-n", names.NAMESPACE_DEPLOY, "exec", pod, "--", "python3", "-c", LOOK_INTO_POD)
    visible, nodes = json.loads(seen.strip().splitlines()[-1])
    assert visible in {str(qid) for qid in range(CARDS)}
    assert len(nodes) == 1


def test_a_whole_data_set_is_answered_by_a_job(installed: Installed, appliance: Appliance) -> None:
    """Fetched, answered and sent back past every policy of the network; afterwards nothing of it is left to run.

    The room on this node that the second deployment takes later is just enough for it.
    """
    rows = "".join(json.dumps({"number": number, "pixels": PIXELS}) + "\n" for number in range(300))
    appliance.keep_dataset(ROUTE, "scans", "scans.jsonl", rows.encode())
    wish = {"model": MODEL, "dataset": "scans", "keep": ["number"], "chunk": 100, "cpu": 0.1, "memory": 1}
    number = appliance.start_job(ROUTE, **wish)
    done = appliance.wait_for_job(ROUTE, number, lambda found: found["ended"], 2 * PATIENCE_MS / 1000)
    assert (done["state"], done["rows"], done["of"]) == ("Succeeded", 300, 300), done
    result = appliance.http.get(f"/api/v2/projects/{ROUTE}/jobs/{number}/result").text.splitlines()
    assert [json.loads(line)["number"] for line in result] == list(range(300))
    left = ("-n", names.NAMESPACE_COMPUTE, "get", "jobs,pods,secrets", "-l", f"{names.LABEL_KIND}=job", "-o", "name")
    wait_until("nothing of the job is left", lambda: not kubectl(installed, *left).strip(), PATIENCE_MS / 1000)


def test_it_is_called_through_every_door(installed: Installed, appliance: Appliance, tokens: dict[str, str]) -> None:
    """Records, split and Open Inference over HTTPS, and gRPC: the same digit, and the model's digest with each."""
    records = {"args": {"X": [{"pixels": PIXELS}]}}
    split = {"X": {"columns": ["pixels"], "data": [[PIXELS]]}}
    tensor = {"name": "pixels", "datatype": "FP32", "shape": [1, 64], "data": PIXELS}
    by_records = appliance.predict(ROUTE, LIVE, tokens[LIVE], records)
    by_split = appliance.predict(ROUTE, LIVE, tokens[LIVE], split).json()["result"]
    by_tensor = appliance.predict(ROUTE, LIVE, tokens[LIVE], {"inputs": [tensor]}, f"v2/models/{MODEL}/infer").json()
    digit = by_records.json()["result"][0]["label"]
    assert by_split["data"][0][by_split["columns"].index("label")] == digit
    assert find_output(by_tensor, "label") == [digit]
    assert call_grpc(installed, tokens[LIVE]) == [digit]
    assert by_records.headers["x-airgate-model-digest"] == appliance.find_deployment(ROUTE, LIVE)["model"]["digest"]


def find_output(answer: dict[str, Any], name: str) -> Any:
    """Return the data of one output of an Open Inference answer."""
    return next(output["data"] for output in answer["outputs"] if output["name"] == name)


def call_grpc(installed: Installed, token: str) -> list[int]:
    """Return the labels that Open Inference over gRPC answers."""
    trusted = grpc.ssl_channel_credentials(installed.node.exec("cat", "/etc/airgate/tls/tls.crt").stdout.encode())
    pixels = messages.ModelInferRequest.InferInputTensor(name="pixels", datatype="FP32", shape=[1, 64])
    pixels.contents.fp32_contents.extend(PIXELS)
    keys = ((names.METADATA_DEPLOYMENT, f"{ROUTE}/{LIVE}"), ("authorization", f"Bearer {token}"))
    with grpc.secure_channel(installed.address.removeprefix("https://") + ":443", trusted) as channel:
        stub = services.GRPCInferenceServiceStub(channel)
        request = messages.ModelInferRequest(model_name=MODEL, inputs=[pixels])
        answer = stub.ModelInfer(request, metadata=keys, timeout=30)
    position = [output.name for output in answer.outputs].index("label")
    if answer.raw_output_contents:
        return [int.from_bytes(answer.raw_output_contents[position], "little")]
    return list(answer.outputs[position].contents.int64_contents)


def test_without_its_own_token_nobody_calls_it(appliance: Appliance, tokens: dict[str, str]) -> None:
    """401 without one, 403 with another deployment's, each with a sentence."""
    nobody = appliance.predict(ROUTE, LIVE, "", {})
    assert (nobody.status_code, nobody.json()["code"]) == (401, "unauthenticated")
    stranger = appliance.predict(ROUTE, LIVE, tokens[OTHER], {})
    assert (stranger.status_code, stranger.json()["code"]) == (403, "forbidden")


def test_more_cards_than_are_free_wait_and_name_who_holds_them(page: Page, appliance: Appliance) -> None:
    """On the page, in one sentence."""
    appliance.deploy(ROUTE, GREEDY, model=MODEL, cpu=0.5, accelerators=CARDS, resource=names.RESOURCE_QAIC)
    page.goto(f"/projects/{ROUTE}/deployments/{GREEDY}")
    sentence = f"Asks {CARDS} {names.RESOURCE_QAIC}, {CARDS - 1} of {CARDS} free: 1 held by {ROUTE}/{LIVE}"
    expect(page.get_by_text(sentence).first).to_be_visible(timeout=PATIENCE_MS)
    appliance.remove_deployment(ROUTE, GREEDY)


def test_deleting_leaves_nothing(page: Page, installed: Installed, appliance: Appliance) -> None:
    """By the page, with the name typed; no pod, service or secret of a deployment is left."""
    appliance.remove_deployment(ROUTE, OTHER)
    page.goto(f"/projects/{ROUTE}/deployments/{LIVE}")
    page.get_by_role("button", name="Delete").click()
    page.get_by_label(f"Type {LIVE} to go on").fill(LIVE)
    page.get_by_role("button", name=f"Delete {LIVE}").click()
    page.get_by_role("heading", name="Quality control").wait_for()
    ours = ("-l", f"{names.LABEL_MANAGED_BY}={names.MANAGED_BY}", "-o", "name")
    ask = ("-n", names.NAMESPACE_DEPLOY, "get", "deployments,services,secrets,pods", *ours)
    wait_until("The last object is gone", lambda: kubectl(installed, *ask) == "", 120)
    assert appliance.send("GET", f"/projects/{ROUTE}/deployments") == []

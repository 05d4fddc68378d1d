"""Events on the Node: what is worth one, and how it reaches an API server, whose part a real TLS server plays here."""

import json
import logging
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from airgate_kit.clock import SystemClock
from airgate_plugin.inventory import Inventory
from airgate_plugin.model import Device, DeviceId, Health, Reason
from airgate_plugin.policy.news import find_news
from airgate_plugin.telemetry.api_server import ApiServer
from airgate_plugin.telemetry.events import NodeEvents
from tests.kit.small_server import Handler, run_server
from tests.plugin.conftest import wait_until
from tests.plugin.test_policy import make_device

FIRST, SECOND = "0000:10:00.0", "0000:11:00.0"
WHY = "it left the PCI bus; reseat the card or reboot the node"
PATH = "/api/v1/namespaces/default/events"


def make(address: str, reason: Reason = Reason.OK, detail: str = "", **changes: Any) -> Device:
    """Return a device with that verdict."""
    return replace(make_device(address), health=Health(reason is Reason.OK, reason, detail, 0.0), **changes)


GONE = tuple(make(each, Reason.GONE, WHY) for each in (FIRST, SECOND))
WELL = tuple(make(each) for each in (FIRST, SECOND))


def test_devices_of_one_cause_are_one_event() -> None:
    """A card that falls off the bus with its SoCs is one line, and one that was told is told no more."""
    (news,) = find_news({}, GONE)
    assert news.sentence == f"{FIRST}, {SECOND} (qualcomm.com/qaic) cannot be granted: gone: {WHY}"
    assert find_news({DeviceId(FIRST): False, DeviceId(SECOND): False}, GONE) == ()


def test_several_causes_are_several_events() -> None:
    """What has to be done differs."""
    news = find_news({}, (GONE[0], make(SECOND, Reason.EXCLUDED, "the operator took it out")))
    assert [(each.devices, each.reason) for each in news] == [((FIRST,), "gone"), ((SECOND,), "excluded")]


def test_a_start_with_healthy_devices_is_no_news() -> None:
    """Nor is a device that nobody is offered."""
    assert find_news({}, WELL) == ()
    assert find_news({}, (make(FIRST, Reason.GONE, WHY, resource=None),)) == ()


def test_recovery_is_told() -> None:
    """Who saw the one line wants to see the other."""
    (news,) = find_news({DeviceId(FIRST): False}, WELL)
    assert (news.healthy, news.sentence) == (True, f"{FIRST} (qualcomm.com/qaic) can be granted again")


def test_an_event_stays_below_the_api_s_limit() -> None:
    """Thirty-two SoCs that go at once, with ids as long as the kubelet takes them."""
    many = tuple(
        make(f"0000:{number:02x}:00.0", Reason.GONE, WHY, id=DeviceId("x" * 61 + f"{number:02}"))
        for number in range(32)
    )
    (news,) = find_news({}, many)
    assert len(news.sentence) <= 1024
    assert " and 24 more (" in news.sentence


class ScriptedApi(ThreadingHTTPServer):
    """Takes events as the API server does, or answers `refusal`; remembers what came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ScriptedHandler)
        self.came: list[tuple[str, str, dict[str, Any]]] = []
        self.tokens: set[str] = set()
        self.refusal = 0
        self.forgets = False


class ScriptedHandler(Handler):
    server: ScriptedApi

    def play(self) -> None:
        """Answer one request."""
        body = json.loads(self.read_body())
        self.server.tokens.add(self.headers["authorization"])
        forgotten = 404 if self.server.forgets and self.command == "PATCH" else 0
        status = self.server.refusal or forgotten or (201 if self.command == "POST" else 200)
        if status < 300:
            self.server.came.append((self.command, self.path, body))
        name = f"{body['metadata']['generateName']}x{len(self.server.came)}" if self.command == "POST" else "same"
        self.answer(status, {"metadata": {"name": name}, "message": "events is forbidden"})

    do_POST = do_PATCH = play


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """What Kubernetes mounts into a pod: a token, and the authority of its API server."""
    subject = ["-nodes", "-days", "2", "-subj", "/CN=api", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(tmp_path / "tls.key"), "-out", str(tmp_path / "ca.crt")]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run(["openssl", "req", "-x509", *key, *subject, *files], check=True, capture_output=True)
    (tmp_path / "token").write_text("first\n")
    return tmp_path


@pytest.fixture
def api(account: Path) -> Iterator[ScriptedApi]:
    """An API server with a certificate of that authority."""
    server = ScriptedApi()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(account / "ca.crt", account / "tls.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with run_server(server):
        yield server


@pytest.fixture
def inventory(api: ScriptedApi, account: Path) -> Iterator[Inventory]:
    """An inventory whose changes are told."""
    inventory = Inventory()
    url = f"https://127.0.0.1:{api.server_port}"
    events = NodeEvents(ApiServer(url, account), "node-1", inventory, SystemClock(), retry=0.1)
    events.start()
    yield inventory
    events.stop()


def show(inventory: Inventory, *devices: Device) -> None:
    """Publish these devices."""
    inventory.publish(devices, {}, None, looked=True)


def test_a_change_of_health_becomes_an_event_on_the_node(api: ScriptedApi, inventory: Inventory) -> None:
    """`kubectl describe node` shows which devices, why, and since when."""
    show(inventory, *GONE)
    wait_until(lambda: len(api.came) == 1)
    method, path, event = api.came[0]
    assert (method, path, api.tokens) == ("POST", PATH, {"Bearer first"})
    assert event["involvedObject"] == {"apiVersion": "v1", "kind": "Node", "name": "node-1", "uid": "node-1"}
    assert (event["type"], event["reason"]) == ("Warning", "DeviceUnhealthy")
    assert event["message"].startswith(f"{FIRST}, {SECOND} (qualcomm.com/qaic) cannot be granted: gone: ")
    show(inventory, *WELL)
    wait_until(lambda: len(api.came) == 2)
    assert (api.came[1][2]["type"], api.came[1][2]["reason"]) == ("Normal", "DeviceHealthy")


def test_the_same_once_more_counts_the_event_up(api: ScriptedApi, account: Path, inventory: Inventory) -> None:
    """A flapping card is two lines, not two hundred; the token may have rotated, and the event may be forgotten."""
    for number, devices in enumerate((GONE, WELL, GONE), 1):
        show(inventory, *devices)
        wait_until(lambda number=number: len(api.came) == number)  # type: ignore[misc]
    method, path, body = api.came[2]
    assert (method, path, body["count"]) == ("PATCH", f"{PATH}/node-1.x1", 2)
    (account / "token").write_text("second")
    api.forgets = True
    show(inventory, *WELL)
    wait_until(lambda: len(api.came) == 4)
    assert api.came[3][0] == "POST"
    assert "Bearer second" in api.tokens


def test_while_the_api_server_refuses_the_log_says_so_once_and_the_news_is_kept(
    api: ScriptedApi, inventory: Inventory, caplog: pytest.LogCaptureFixture
) -> None:
    """A missing right, or an API server that is away, costs nothing else; what is still so is told later."""
    api.refusal = 403
    with caplog.at_level(logging.WARNING, "airgate_plugin.events"):
        show(inventory, *GONE)
        wait_until(lambda: caplog.records)
        for _ in range(3):
            show(inventory, *GONE, make("0000:12:00.0"))
            show(inventory, *GONE)
        api.refusal = 0
        wait_until(lambda: api.came)
    assert [record.message for record in caplog.records] == ["the Node's events cannot be written"]
    assert vars(caplog.records[0])["fields"]["why"] == "the API server answers 403: events is forbidden"
    assert api.came[0][2]["reason"] == "DeviceUnhealthy"


def test_an_api_server_with_another_certificate_is_told_nothing(
    api: ScriptedApi, inventory: Inventory, account: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The token goes to the cluster's own API server and to no other."""
    certificate = (account / "ca.crt").read_text()
    other = ["-nodes", "-days", "2", "-subj", "/CN=other", "-keyout", str(tmp_path / "o.key"), "-out", "ca.crt"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", *other], check=True, capture_output=True, cwd=account
    )
    show(inventory, *GONE)
    wait_until(lambda: caplog.records)
    assert "CERTIFICATE_VERIFY_FAILED" in str(vars(caplog.records[0])["fields"]["why"])
    assert api.tokens == set()
    (account / "ca.crt").write_text(certificate)
    wait_until(lambda: api.came)

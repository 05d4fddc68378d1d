"""What the device plugins say of their cards, asked over real HTTP: whom the reconciler believes, and about whom."""

import json
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import pytest

from airgate_plugin.model import Device, DeviceId, Health, Holder, Holdings, PciAddress, Reason, Snapshot, Vendor
from airgate_plugin.telemetry.devices import write_devices
from airgate_web.adapters.cluster_kubernetes.cards import PLUGIN, CardReader, Cards, read_answers
from airgate_web.adapters.cluster_kubernetes.observe import Listing, find_observation
from airgate_web.domain.workload import DeviceFacts
from tests.kit.small_server import Handler, run_server

QAIC = "qualcomm.com/qaic"
SYSTEM = "airgate-system"
SOCS = tuple(f"0000:1{number}:00.0" for number in range(2))
WHY = "it left the PCI bus; reseat the card or reboot the node"


def write_page(lost: str = "", holder: str = "d-x-1") -> bytes:
    """Return what the plugin itself would answer: two SoCs, the first held."""
    devices = []
    for address in SOCS:
        well = Health(True, Reason.OK, "", 0.0)
        health = Health(False, Reason.GONE, WHY, 0.0) if address == lost else well
        devices.append(Device(DeviceId(address), Vendor.QUALCOMM, PciAddress(address), "card", 1, health, QAIC))
    held = {SOCS[0]: Holder("airgate-deploy", holder, "serve")} if holder else {}
    return write_devices(Snapshot(1, tuple(devices)), Holdings(held=held))


class PageServer(ThreadingHTTPServer):
    """Answers `/devices` with `page`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), PageHandler)
        self.page = write_page()


class PageHandler(Handler):
    server: PageServer

    def do_GET(self) -> None:
        good = self.path == "/devices"
        self.answer(200 if good else 404, self.server.page if good else b"try /devices\n")


@pytest.fixture
def server() -> Iterator[PageServer]:
    """A plugin's HTTP door."""
    with run_server(PageServer()) as server:
        yield server


def make_pod(**changes: Any) -> dict[str, Any]:
    """Return the plugin's pod on node n1, as the API lists it."""
    pod = {"namespace": SYSTEM, "labels": {**PLUGIN, "more": "x"}, "ip": "127.0.0.1", "ready": "True", "node": "n1"}
    pod |= changes
    meta = {"name": "airgate-device-plugin-x", "namespace": pod["namespace"], "labels": pod["labels"]}
    status = {"podIP": pod["ip"], "conditions": [{"type": "Ready", "status": pod["ready"]}], "phase": "Running"}
    return {"metadata": meta, "spec": {"nodeName": pod["node"], "containers": []}, "status": status}


def make_user(name: str = "d-x-1", node: str = "n1") -> dict[str, Any]:
    """Return a pod that was granted a card, and does not say which."""
    box = {"name": "serve", "resources": {"limits": {QAIC: "1"}}}
    return {
        "metadata": {"name": name, "namespace": "airgate-deploy"},
        "spec": {"nodeName": node, "containers": [box]},
        "status": {"phase": "Running"},
    }


def test_cards_are_known_by_name_with_their_holders(server: PageServer) -> None:
    """Kubernetes counts them; the plugin says which is ill, why, and whose it is."""
    server.page = write_page(lost=SOCS[0])
    cards = CardReader(SYSTEM, server.server_port).read([make_pod()])
    assert cards.devices == (
        DeviceFacts(SOCS[0], QAIC, "n1", healthy=False, reason=WHY, lost=True),
        DeviceFacts(SOCS[1], QAIC, "n1", healthy=True),
    )
    observed = find_observation(Listing((), (), (make_user(),), (), cards), {})
    assert [holder.devices for holder in observed.holders] == [(SOCS[0],)]
    assert observed.devices == cards.devices


def test_a_plugin_speaks_for_its_own_node_alone(server: PageServer) -> None:
    """A pod of the same name elsewhere holds nothing of it."""
    cards = CardReader(SYSTEM, server.server_port).read([make_pod()])
    assert cards.find_held(make_user()) == (SOCS[0],)
    assert cards.find_held(make_user(node="n2")) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"namespace": "somebody-else"},
        {"labels": {}},
        {"labels": None},
        {"ip": ""},
        {"ready": "False"},
    ],
)
def test_only_the_appliance_s_own_plugin_is_heard(server: PageServer, changes: dict[str, Any]) -> None:
    """Who may make a pod somewhere cannot have a deployment's pod ended by calling itself a plugin."""
    assert CardReader(SYSTEM, server.server_port).read([make_pod(**changes)]) == Cards()


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"404 page not found",
        b"[]",
        b'{"devices": [{"id": "x"}]}',
        b'{"devices": 3}',
        json.dumps(
            {"devices": [{"id": "x", "resource": QAIC, "healthy": True, "lost": False, "held_by": "p"}]}
        ).encode(),
    ],
)
def test_a_plugin_that_does_not_answer_as_one_is_left_out(server: PageServer, page: bytes) -> None:
    """An older plugin, or none: cards are counted then, as Kubernetes does, and nobody is ended."""
    server.page = page
    assert CardReader(SYSTEM, server.server_port).read([make_pod()]) == Cards()


def test_a_change_of_a_card_is_news(server: PageServer) -> None:
    """The reconciler hears of it without any pod having changed."""
    reader = CardReader(SYSTEM, server.server_port)
    reader.read([make_pod()])
    assert not reader.is_other()
    server.page = write_page(lost=SOCS[0])
    assert reader.is_other()
    reader.read([make_pod()])
    assert not reader.is_other()


def test_several_plugins_are_one_answer(server: PageServer) -> None:
    """Node by node, in the order of their names."""
    said = json.loads(write_page())["devices"]
    cards = read_answers({"n2": said, "n1": said[:1]})
    assert [(each.node, each.id) for each in cards.devices] == [("n1", SOCS[0]), ("n2", SOCS[0]), ("n2", SOCS[1])]

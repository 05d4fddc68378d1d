"""Who holds what, what vanished pods left behind, and what Node Feature Discovery and Prometheus are told."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from airgate_plugin.app import App
from airgate_plugin.model import Health, Holder, Holdings, Reason, Snapshot
from airgate_plugin.policy.health import is_lost
from airgate_plugin.policy.holdings import follow_holdings
from airgate_plugin.telemetry.features import FeatureFile, write_features
from airgate_plugin.telemetry.metrics import read_amount
from airgate_protocols import podresources_pb2 as pb
from airgate_protocols import podresources_pb2_grpc as rpc
from airgate_simulator import apply_lost_soc
from tests.plugin.conftest import StartPlugin, fetch, wait_until
from tests.plugin.test_policy import make_device

SOC = "0000:12:00.0"
POD = Holder("airgate-deploy", "digits-0", "server")


@pytest.mark.parametrize(
    ("loaded", "rounds", "counts"),
    [
        ("0", [{SOC: POD}, {}, {}], (1, 0, 0)),
        ("1", [{SOC: POD}, {}, {}], (0, 1, 0)),
        (None, [{SOC: POD}, {}, {}], (0, 0, 1)),
        ("0", [{SOC: POD}, {}], (0, 0, 0)),  # not looked at before the firmware's numbers are of after the end
        ("1", [{SOC: POD}, {}, {SOC: POD}], (0, 0, 0)),  # another pod has it: its network is that pod's
        ("0", [{SOC: POD}, {}, {}, {}, {}], (1, 0, 0)),  # counted once
        ("0", [{"of another plugin": POD}, {}, {}], (0, 0, 0)),
    ],
)
def test_what_a_vanished_pod_held_is_looked_at_one_round_later(
    loaded: str | None, rounds: list[dict[str, Holder]], counts: tuple[int, int, int]
) -> None:
    """Idle, busy or unknown, by what the firmware itself says."""
    device = make_device(SOC, facts={"networks_loaded": loaded} if loaded else {})
    holdings = Holdings()
    for held in rounds:
        holdings = follow_holdings(holdings, held, [device])
    assert (holdings.idle, holdings.busy, holdings.unknown) == counts


class ReplayedPodResources(rpc.PodResourcesListerServicer):
    """The kubelet's Pod Resources, with pods of the test's choosing: device id -> pod's name."""

    def __init__(self) -> None:
        self.pods: dict[str, str] = {}
        self.asked = 0

    def List(self, request: pb.ListPodResourcesRequest, context: grpc.ServicerContext) -> pb.ListPodResourcesResponse:
        """Answer with one container a pod."""
        self.asked += 1
        return pb.ListPodResourcesResponse(
            pod_resources=[
                pb.PodResources(
                    name=name,
                    namespace="airgate-deploy",
                    containers=[
                        pb.ContainerResources(
                            name="server",
                            devices=[pb.ContainerDevices(resource_name="qualcomm.com/qaic", device_ids=[each])],
                        )
                    ],
                )
                for each, name in self.pods.items()
            ]
        )


@pytest.fixture
def lister(folder: Path) -> Iterator[ReplayedPodResources]:
    """Replayed Pod Resources at `pods.sock` in the folder of sockets."""
    with serve_pods(folder / "pods.sock") as replayed:
        yield replayed


@contextmanager
def serve_pods(socket: Path) -> Iterator[ReplayedPodResources]:
    """Serve replayed Pod Resources at a socket."""
    replayed = ReplayedPodResources()
    server = grpc.server(ThreadPoolExecutor(2))
    rpc.add_PodResourcesListerServicer_to_server(replayed, server)
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    yield replayed
    server.stop(None).wait(5)


@pytest.mark.process
def test_the_holder_of_a_device_is_a_metric(
    folder: Path, lister: ReplayedPodResources, start_plugin: StartPlugin
) -> None:
    """Pod by pod, over the real protocol; and what the pod left behind is counted once it is gone."""
    lister.pods = {SOC: "digits-0", "of-another-plugin": "other"}
    app = start_plugin(pod_resources=str(folder / "pods.sock"), pod_resources_period="0.1")
    line = f'resource="qualcomm.com/qaic",device="{SOC}",namespace="airgate-deploy",pod="digits-0"'
    wait_until(lambda: find_line(fetch(app, "/metrics")[1], "airgate_plugin_device_held", SOC))
    said = fetch(app, "/metrics")[1]
    assert all(part in find_line(said, "airgate_plugin_device_held", SOC) for part in line.split(","))
    assert "of-another-plugin" not in said
    lister.pods = {}
    wait_until(lambda: 'airgate_plugin_released_devices_total{found="idle"} 1.0' in fetch(app, "/metrics")[1])


@pytest.mark.process
def test_who_holds_a_device_that_dies_is_known_at_once(
    host: Path, folder: Path, lister: ReplayedPodResources, start_plugin: StartPlugin
) -> None:
    """`/devices` names the pod on a lost device without waiting for the period of Pod Resources to run out."""
    app = start_plugin(pod_resources=str(folder / "pods.sock"), pod_resources_period="3600")
    wait_until(lambda: len(app.find_snapshot().devices) == 8)
    wait_until(lambda: lister.asked)
    lister.pods = {SOC: "digits-0"}
    apply_lost_soc(host, SOC)
    wait_until(lambda: find_device(app, SOC)["held_by"] and find_device(app, SOC)["lost"])
    found = find_device(app, SOC)
    assert found["held_by"] == {"namespace": "airgate-deploy", "pod": "digits-0", "container": "server"}
    assert (found["healthy"], found["lost"], found["reason"]) == (False, True, "gone")
    assert "reseat the card" in found["why"]
    well = find_device(app, "0000:10:00.0")
    assert (well["resource"], well["healthy"], well["lost"], well["held_by"]) == (
        "qualcomm.com/qaic",
        True,
        False,
        None,
    )


def find_device(app: App, device: str) -> dict[str, Any]:
    """Return what `/devices` says of one device."""
    status, said = fetch(app, "/devices")
    assert status == 200
    return next(each for each in json.loads(said)["devices"] if each["id"] == device)


@pytest.mark.parametrize(
    ("reason", "lost"),
    [
        (Reason.GONE, True),
        (Reason.UNCORRECTED_ERRORS, True),
        (Reason.EXCLUDED, False),
        (Reason.LINK_DEGRADED, False),
        (Reason.UNSEEN, False),
        (Reason.SETTLING, False),
    ],
)
def test_a_device_is_lost_only_where_nothing_can_go_on_on_it(reason: Reason, lost: bool) -> None:
    """A pod on a card that is out of service, slow, or that nobody can see just now is left alone."""
    assert is_lost(Health(False, reason, "", 0.0)) is lost
    assert not is_lost(Health(True, reason, "", 0.0)), "within its grace"


@pytest.mark.process
def test_until_the_socket_comes_everything_else_works(
    folder: Path, start_plugin: StartPlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody is held to hold anything, the plugin is alive, and what is missing is said once, not every round."""
    app = start_plugin(pod_resources=str(folder / "late.sock"), pod_resources_period="0.1")
    wait_until(lambda: len(app.find_snapshot().devices) == 8)
    status, said = fetch(app, "/metrics")
    assert status == 200
    assert "airgate_plugin_device_held{" not in said
    assert fetch(app, "/livez")[0] == 200
    with serve_pods(folder / "late.sock") as replayed:
        replayed.pods = {SOC: "digits-0"}
        wait_until(lambda: find_line(fetch(app, "/metrics")[1], "airgate_plugin_device_held", SOC))
    assert [each.message for each in caplog.records].count("who holds what is not known") == 1


def find_line(text: str, name: str, word: str) -> str:
    """Return the first line of a metric with a word in it; "" where there is none."""
    return next((line for line in text.splitlines() if line.startswith(f"{name}{{") and word in line), "")


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("45", 45.0),
        ("48.00", 48.0),
        ("32692 MB", 32692 * 1024.0**2),
        ("31299524 KB", 31299524 * 1024.0),
        ("", None),
        ("n/a", None),
        ("12 parsecs", None),
    ],
)
def test_amounts_are_read_as_releases_write_them(text: str, amount: float | None) -> None:
    """Units vary between SDK releases; what makes no sense is no number."""
    assert read_amount(text) == amount


def test_features_say_what_is_there_and_not_how_it_is(tmp_path: Path) -> None:
    """Counts, cards and one SKU; a mixed node has no one SKU, and a node without cards no lines."""
    first, second = make_device("0000:10:00.0", sku="PCIe Ultra", card="A"), make_device("0000:11:00.0", sku="PCIe")
    assert write_features([first, replace(first, id="x")]) == (
        "airgate.io/qualcomm.devices=2\nairgate.io/qualcomm.cards=1\nairgate.io/qualcomm.sku=PCIe-Ultra\n"
    )
    assert "sku" not in write_features([first, second])
    assert write_features([]) == ""
    path = tmp_path / "airgate"
    features = FeatureFile(path)
    features.apply(Snapshot(1, (first,)))
    assert not path.exists(), "before the first look nothing is known"
    features.apply(Snapshot(2, (first,), looked=True))
    assert path.read_text().startswith("airgate.io/qualcomm.devices=1\n")
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_of_features_that_is_not_there_is_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Labels are a courtesy: without NFD the plugin works."""
    features = FeatureFile(tmp_path / "absent/airgate")
    for number in (1, 2):
        features.apply(Snapshot(number, (make_device(SOC),), looked=True))
    assert [record.message for record in caplog.records] == ["Node Feature Discovery is told nothing"]

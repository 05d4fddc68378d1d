"""A workload that outlived its pod: found by the kernel or by qaic-util, told, and granted last until it is over."""

from pathlib import Path

import pytest

from airgate_kit.names import RESOURCE_QAIC
from airgate_plugin.app import App
from airgate_plugin.cli import main
from airgate_plugin.model import Holder, Holdings, Packing
from airgate_plugin.policy.holdings import find_idleness, follow_holdings
from airgate_plugin.policy.packing import choose_preferred
from airgate_plugin.sources.hostfs import HostFiles
from airgate_plugin.sources.qaic_channels import read_channels
from airgate_protocols import deviceplugin_pb2 as pb
from airgate_simulator import apply_lost_soc, apply_workload
from tests.plugin.conftest import StartPlugin, fetch, wait_until
from tests.plugin.replayed_kubelet import ReplayedKubelet
from tests.plugin.test_holdings import ReplayedPodResources, find_line, serve_pods
from tests.plugin.test_packing import TWO_ULTRAS
from tests.plugin.test_policy import make_device

SOC = "0000:12:00.0"
POD = Holder("airgate-deploy", "digits-0", "server")


@pytest.mark.parametrize(
    ("states", "facts", "word"),
    [
        ((0, 0, 0), {"networks_loaded": "1"}, "idle"),  # the kernel's word is of now
        ((0, 5, 0), {"networks_loaded": "0"}, "busy"),
        ((1,), {}, "busy"),
        ((), {"networks_loaded": "0", "nsp_total": "16", "nsp_free": "16"}, "idle"),
        ((), {"networks_loaded": "0", "nsp_total": "16", "nsp_free": "2"}, "busy"),
        ((), {"nsp_total": "16", "nsp_free": "16"}, "idle"),
        ((), {"nsp_total": "16", "nsp_free": "some"}, "unknown"),
        ((), {}, "unknown"),
    ],
)
def test_the_kernel_is_asked_first_and_then_qaic_util(
    states: tuple[int, ...], facts: dict[str, str], word: str
) -> None:
    """Older kernels do not tell: there the firmware's numbers do, and where nobody tells nothing is claimed."""
    assert find_idleness(make_device(SOC, facts=facts), states) == word


@pytest.mark.parametrize(
    ("rounds", "leftover", "counted"),
    [
        ([({SOC: POD}, 5), ({}, 5), ({}, 5)], True, 1),
        ([({SOC: POD}, 5), ({}, 5), ({}, 5), ({}, 5)], True, 1),  # counted once
        ([({SOC: POD}, 5), ({}, 5), ({}, 5), ({}, None)], True, 1),  # nobody tells now: nothing says that it is over
        ([({SOC: POD}, 5), ({}, 5), ({}, 5), ({}, 0)], False, 1),
        ([({SOC: POD}, 5), ({}, 5), ({}, 5), ({SOC: POD}, 5)], False, 1),  # another pod's own workload
        ([({SOC: POD}, 5), ({}, 5), ({}, 0)], False, 0),
        ([({}, 5), ({}, 5), ({}, 5)], False, 0),  # nobody of ours ever had it
    ],
)
def test_a_leftover_lasts_until_it_is_idle_or_another_pods(
    rounds: list[tuple[dict[str, Holder], int | None]], leftover: bool, counted: int
) -> None:
    """Each round: who holds it, and what its one channel says."""
    holdings, device = Holdings(), make_device(SOC)
    for held, state in rounds:
        holdings = follow_holdings(holdings, held, [device], {} if state is None else {SOC: (state,)})
    assert (SOC in holdings.leftover) == leftover
    assert holdings.busy == counted


@pytest.mark.parametrize(
    ("available", "must", "size", "busy", "chosen"),
    [
        ("a0 a1 a2 a3 b0 b1 b2 b3", "", 4, "a1", "b0 b1 b2 b3"),  # the other whole card
        ("a1 a2 a3 b0 b1 b2 b3", "", 1, "a1", "b0"),  # even if it breaks one
        ("a0 a1 a2 a3", "", 3, "a1", "a0 a2 a3"),  # on the card itself the busy SoC is last
        ("a0 a1 a2 a3", "", 4, "a1", "a0 a1 a2 a3"),  # the last one there is: the kubelet decides, and it is a hint
        ("a0 a1 a2 a3 b0 b1 b2 b3", "a0", 2, "a1", "a0 a2"),  # must-include names the card
        ("a0 a2 b0 b1", "", 2, "a1", "b0 b1"),  # the busy SoC itself is not even free
    ],
)
def test_a_card_with_a_leftover_is_preferred_last(available: str, must: str, size: int, busy: str, chosen: str) -> None:
    """What a wish gets while a workload without a pod sits on one SoC of card a."""
    found = choose_preferred(available.split(), must.split(), size, TWO_ULTRAS, busy={busy})
    assert sorted(found) == chosen.split()
    spread = choose_preferred(available.split(), must.split(), size, TWO_ULTRAS, Packing.SPREAD, {busy})
    assert len(spread) == size
    assert busy not in spread or size == len(available.split())


def test_channels_are_read_where_the_kernel_tells_them(host: Path) -> None:
    """Only the states, whatever else lies there; a SoC that is gone, or that never had a number, has none."""
    device = make_device(SOC, accel=2)
    assert read_channels(HostFiles(host), device) == ()
    apply_workload(host, SOC)
    entry = host / "sys/class/accel/accel2"
    (entry / "dbc1_state").write_text("0\n")
    (entry / "dbc_state_of_others").write_text("7\n")
    assert sorted(read_channels(HostFiles(host), device)) == [0, 5]
    apply_lost_soc(host, SOC)
    assert read_channels(HostFiles(host), device) == ()
    assert read_channels(HostFiles(host), make_device(SOC)) == ()


def count_released(app: App, word: str) -> str:
    """Return how many devices were found so, as Prometheus reads it."""
    return find_line(fetch(app, "/metrics")[1], "airgate_plugin_released_devices_total", word).rpartition(" ")[2]


def read_leftover(app: App) -> str:
    """Return the gauge of the SoC."""
    return find_line(fetch(app, "/metrics")[1], "airgate_plugin_device_leftover", SOC).rpartition(" ")[2]


@pytest.mark.process
@pytest.mark.parametrize("kernel_tells", [True, False], ids=["Linux 6.19", "older"])
def test_a_workload_that_outlives_its_pod_is_told_and_granted_last(
    host: Path,
    folder: Path,
    kubelet: ReplayedKubelet,
    start_plugin: StartPlugin,
    caplog: pytest.LogCaptureFixture,
    kernel_tells: bool,
) -> None:
    """Over the real protocols, from the pod's end until the SoC is idle again."""
    with serve_pods(folder / "pods.sock") as pods:
        apply_workload(host, SOC, kernel_tells=kernel_tells)
        pods.pods = {SOC: "digits-0"}
        app = start_plugin(pod_resources=str(folder / "pods.sock"), pod_resources_period="0.5")
        listed = kubelet.wait_list(RESOURCE_QAIC, lambda found: len(found) == 8)
        wait_until(lambda: find_line(fetch(app, "/metrics")[1], "airgate_plugin_device_held", SOC))
        pods.pods = {}
        wait_until(lambda: read_leftover(app) == "1.0")
        assert count_released(app, "busy") == "1.0"
        assert not {each for each in prefer(kubelet, sorted(listed), 4) if each < "0000:20"}
        apply_workload(host, SOC, is_there=False, kernel_tells=kernel_tells)
        wait_until(lambda: read_leftover(app) == "0.0")
        assert prefer(kubelet, sorted(listed), 4) == sorted(listed)[:4]
    assert [each.message for each in caplog.records].count("a device is busy though its pod is gone") == 1


def prefer(kubelet: ReplayedKubelet, available: list[str], size: int) -> list[str]:
    """Return the plugin's choice of `size` devices."""
    wish = pb.ContainerPreferredAllocationRequest(available_deviceIDs=available, allocation_size=size)
    request = pb.PreferredAllocationRequest(container_requests=[wish])
    answer = kubelet.endpoints[RESOURCE_QAIC].stub.GetPreferredAllocation(request, timeout=5)
    return sorted(answer.container_responses[0].deviceIDs)


@pytest.mark.process
def test_doctor_names_a_workload_that_no_pod_holds(
    host: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It asks the kubelet once: a held SoC is busy by right, and where nobody can be asked nothing is claimed."""
    apply_workload(host, SOC)
    flags = ["doctor", "--host-root", str(host), "--pod-resources", str(folder / "pods.sock")]
    assert main(flags) == 0
    assert "workload" not in capsys.readouterr().out
    with serve_pods(folder / "pods.sock") as pods:
        check_doctor(pods, flags, capsys)


def check_doctor(pods: ReplayedPodResources, flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Ask without and with a holder."""
    assert main(flags) == 0
    report = capsys.readouterr().out
    assert report.count("a workload sits on it, and no pod holds it") == 1
    assert f"note: A workload sits on {SOC} though no pod holds it" in report
    pods.pods = {SOC: "digits-0"}
    main(flags)
    assert "workload" not in capsys.readouterr().out

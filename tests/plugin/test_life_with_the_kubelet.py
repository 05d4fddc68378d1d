"""Registration, lists and grants over the real protocol, through everything a kubelet does to its plugins."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import grpc
import pytest

from airgate_kit.clock import SystemClock
from airgate_kit.names import RESOURCE_QAIC, RESOURCE_QAIC_BY_SKU
from airgate_plugin.config import build_settings
from airgate_plugin.inventory import Inventory
from airgate_plugin.kubelet import registrars
from airgate_plugin.kubelet.cdi import CdiFiles
from airgate_plugin.kubelet.registrar import Registrar
from airgate_plugin.rounds import look_once
from airgate_protocols import deviceplugin_pb2 as pb
from airgate_simulator import apply_lost_soc, apply_returned_soc, apply_status, apply_util_mode, plan_socs, write_tree
from tests.plugin.conftest import StartPlugin, fetch, wait_until
from tests.plugin.replayed_kubelet import ReplayedKubelet

pytestmark = pytest.mark.process

ULTRA = "0000:12:00.0"


def is_all_healthy(devices: dict[str, pb.Device]) -> bool:
    """Return whether all eight SoCs of the simulated host are offered and well."""
    return len(devices) == 8 and all(each.health == "Healthy" for each in devices.values())


def test_every_soc_is_offered_with_its_numa_node(kubelet: ReplayedKubelet, start_plugin: StartPlugin) -> None:
    """A node with two Ultra cards offers eight devices under the one resource name."""
    start_plugin()
    devices = kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)
    assert [each.topology.nodes[0].ID for each in devices.values()] == [0] * 4 + [1] * 4
    assert kubelet.endpoints[RESOURCE_QAIC].options.get_preferred_allocation_available
    assert not kubelet.endpoints[RESOURCE_QAIC].options.pre_start_required
    assert all(len(each) <= 63 for each in devices)


def test_an_unknown_numa_node_means_no_topology(
    host: Path, kubelet: ReplayedKubelet, start_plugin: StartPlugin
) -> None:
    """Where the host does not tell (-1), the kubelet is told nothing rather than node -1."""
    write_tree(host, plan_socs(1, "pro", numa_nodes=0))
    start_plugin()
    devices = kubelet.wait_list(RESOURCE_QAIC, lambda found: len(found) == 1)
    assert not next(iter(devices.values())).HasField("topology")


def test_resources_are_named_by_sku_where_asked(kubelet: ReplayedKubelet, start_plugin: StartPlugin) -> None:
    """With QAIC_SKU_BASED_RESOURCE_ENABLED Ultra cards are qualcomm.com/qaic-ultra and nothing else."""
    start_plugin(sku_resources="true")
    kubelet.wait_list(RESOURCE_QAIC_BY_SKU["ultra"], is_all_healthy)
    assert list(kubelet.endpoints) == [RESOURCE_QAIC_BY_SKU["ultra"]]


def test_a_grant_has_nodes_visible_devices_and_the_group(kubelet: ReplayedKubelet, start_plugin: StartPlugin) -> None:
    """A container gets its device nodes read and write, the host's QIDs and the host's group id; nothing else."""
    start_plugin(host_prefix="/srv/simulated")
    kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)
    answer = kubelet.allocate(RESOURCE_QAIC, ["0000:21:00.0", ULTRA], ["0000:10:00.0"])
    first, second = answer.container_responses
    assert dict(first.envs) == {"QAIC_VISIBLE_DEVICES": "2,5", "QAIC_GID": "995"}
    assert [(each.container_path, each.host_path, each.permissions) for each in first.devices] == [
        ("/dev/accel/accel5", "/srv/simulated/dev/accel/accel5", "rw"),
        ("/dev/accel/accel2", "/srv/simulated/dev/accel/accel2", "rw"),
    ]
    assert second.envs["QAIC_VISIBLE_DEVICES"] == "0"


def test_a_grant_names_cdi_devices_that_lie_ready(
    host: Path, tmp_path: Path, kubelet: ReplayedKubelet, start_plugin: StartPlugin
) -> None:
    """With a CDI folder a container's user comes into the host's group, by a file that is there before the grant."""
    start_plugin(cdi_dir=str(tmp_path))
    kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)
    (answer,) = kubelet.allocate(RESOURCE_QAIC, [ULTRA]).container_responses
    assert [each.name for each in answer.cdi_devices] == [f"airgate.io/qaic={ULTRA}"]
    assert answer.devices, "nodes are granted beside CDI: a daemon-reload can take CDI's away"
    (path,) = tmp_path.glob("*.json")
    spec = json.loads(path.read_text())
    assert (spec["cdiVersion"], spec["kind"]) == ("0.7.0", "airgate.io/qaic")
    assert {"name": ULTRA, "containerEdits": {"additionalGids": [995]}} in spec["devices"]
    assert len(spec["devices"]) == 8
    path.unlink()
    assert kubelet.allocate(RESOURCE_QAIC, [ULTRA]).container_responses[0].cdi_devices
    assert path.exists()


def test_a_cdi_folder_that_cannot_be_written_costs_the_group_alone(
    tmp_path: Path, kubelet: ReplayedKubelet, start_plugin: StartPlugin
) -> None:
    """Naming a CDI device that the runtime cannot find would fail the pod; so none is named, and the log says why."""
    start_plugin(cdi_dir=str(tmp_path / "absent"))
    kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)
    (answer,) = kubelet.allocate(RESOURCE_QAIC, [ULTRA]).container_responses
    assert answer.devices
    assert not answer.cdi_devices


@pytest.mark.parametrize(
    "containers",
    [[["0000:99:00.0"]], [[ULTRA, ULTRA]], [[ULTRA], [ULTRA]]],
    ids=["unknown", "twice in one container", "twice in two containers"],
)
def test_a_wrong_grant_is_refused_with_a_sentence(
    kubelet: ReplayedKubelet, start_plugin: StartPlugin, containers: list[list[str]]
) -> None:
    """What the kubelet shows on the failed pod names the device and the reason."""
    start_plugin()
    kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)
    with pytest.raises(grpc.RpcError) as caught:
        kubelet.allocate(RESOURCE_QAIC, *containers)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert containers[0][0] in caught.value.details()


def test_a_lost_soc_turns_unhealthy_and_back(host: Path, kubelet: ReplayedKubelet, start_plugin: StartPlugin) -> None:
    """A SoC that falls off the bus stays on the list as Unhealthy, cannot be granted, and heals when it returns."""
    app = start_plugin()
    kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)
    apply_lost_soc(host, ULTRA)
    kubelet.wait_list(RESOURCE_QAIC, lambda found: len(found) == 8 and found[ULTRA].health == "Unhealthy")
    with pytest.raises(grpc.RpcError):
        kubelet.allocate(RESOURCE_QAIC, [ULTRA])
    assert 'reason="gone"' in fetch(app, "/metrics")[1]
    apply_returned_soc(host, ULTRA)
    kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)
    assert kubelet.allocate(RESOURCE_QAIC, [ULTRA]).container_responses[0].envs["QAIC_VISIBLE_DEVICES"] == "2"


def test_a_firmware_error_turns_unhealthy_and_keeps_its_name(
    host: Path, kubelet: ReplayedKubelet, start_plugin: StartPlugin
) -> None:
    """A SoC in Error prints no SKU and no serial, yet stays under its SKU's resource and on its card."""
    app = start_plugin(sku_resources="true")
    kubelet.wait_list(RESOURCE_QAIC_BY_SKU["ultra"], is_all_healthy)
    card = next(each.card for each in app.find_snapshot().devices if each.id == ULTRA)
    apply_status(host, ULTRA, "Error")
    kubelet.wait_list(RESOURCE_QAIC_BY_SKU["ultra"], lambda found: found[ULTRA].health == "Unhealthy")
    assert next(each.card for each in app.find_snapshot().devices if each.id == ULTRA) == card
    apply_status(host, ULTRA, "Ready")
    kubelet.wait_list(RESOURCE_QAIC_BY_SKU["ultra"], is_all_healthy)


@pytest.mark.parametrize("mode", ["hang", "garbage", "fail", "missing-serial"])
def test_a_sick_qaic_util_harms_no_card(
    host: Path, kubelet: ReplayedKubelet, start_plugin: StartPlugin, mode: str
) -> None:
    """A query program that hangs, fails or prints nonsense is reported, and the cards stay as they are."""
    app = start_plugin(qaic_util_timeout="2")
    kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)
    wait_until(lambda: all(each.serial for each in app.find_snapshot().devices))
    before = {each.id: (each.card, each.sku, each.qid) for each in app.find_snapshot().devices}
    apply_util_mode(host, mode)
    if mode != "missing-serial":
        wait_until(lambda: 'airgate_plugin_source_ok{source="qaic-util"} 0.0' in fetch(app, "/metrics")[1])
    apply_lost_soc(host, ULTRA)
    kubelet.wait_list(RESOURCE_QAIC, lambda found: found[ULTRA].health == "Unhealthy")
    assert {each.id: (each.card, each.sku, each.qid) for each in app.find_snapshot().devices} == before
    healthy = [each for each in app.find_snapshot().devices if each.health.healthy]
    assert len(healthy) == 7


def test_the_plugin_survives_five_kubelet_restarts(kubelet: ReplayedKubelet, start_plugin: StartPlugin) -> None:
    """After each restart the kubelet has the whole list again, from one registration a restart."""
    app = start_plugin()
    for restart in range(5):
        kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)
        wait_until(lambda: fetch(app, "/readyz")[0] == 200)
        assert kubelet.registrations == restart + 1
        kubelet.restart()
    kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)
    assert kubelet.allocate(RESOURCE_QAIC, [ULTRA]).container_responses


def test_a_vanished_socket_is_made_anew(kubelet: ReplayedKubelet, start_plugin: StartPlugin, folder: Path) -> None:
    """When somebody deletes the plugin's socket, it serves and registers again."""
    start_plugin()
    kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)
    next(folder.glob("airgate-*.sock")).unlink()
    wait_until(lambda: kubelet.registrations == 2)
    kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)


def test_a_lost_stream_is_opened_anew(kubelet: ReplayedKubelet, start_plugin: StartPlugin) -> None:
    """The kubelet never reopens a stream, so the plugin registers again as soon as one ends."""
    start_plugin()
    kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)
    kubelet.cut_stream(RESOURCE_QAIC)
    kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)
    assert kubelet.registrations == 2


def test_a_registrar_that_does_not_end_holds_up_nothing(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever hangs there, the parts that are stopped after it are stopped; it is cancelled, and no thread stays."""
    monkeypatch.setattr(registrars, "STOP_SECONDS", 0.1)
    ended = threading.Event()

    class StuckRegistrar(Registrar):
        async def run(self) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

    settings = build_settings([("test", {"host_root": str(host)})])
    snapshot, _ = look_once(settings, SystemClock())
    stuck = StuckRegistrar(RESOURCE_QAIC, host, Inventory(), "", CdiFiles(None), SystemClock())
    all_of_them = registrars.Registrars(lambda _resource, _snapshot: stuck)
    all_of_them.start()
    all_of_them.follow(snapshot)
    all_of_them.stop()
    assert ended.wait(10)
    assert "kubelet" not in {thread.name for thread in threading.enumerate()}


def test_many_open_streams_keep_no_call_waiting(kubelet: ReplayedKubelet, start_plugin: StartPlugin) -> None:
    """Who listens besides the kubelet, and however many do, costs no thread, and a grant is answered."""
    app = start_plugin()
    kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)
    threads = threading.active_count()
    stub = kubelet.endpoints[RESOURCE_QAIC].stub
    streams = [stub.ListAndWatch(pb.Empty(), timeout=60) for _ in range(20)]
    assert [len(next(stream).devices) for stream in streams] == [8] * 20
    assert kubelet.allocate(RESOURCE_QAIC, [ULTRA]).container_responses[0].devices
    assert [state.streams for state in app.find_registrations()] == [21]
    assert threading.active_count() <= threads + 1, "gRPC's client has one for all its streams, the plugin none"
    for stream in streams:
        stream.cancel()
    wait_until(lambda: [state.streams for state in app.find_registrations()] == [1])


def test_a_kubelet_that_comes_late_is_waited_for(folder: Path, start_plugin: StartPlugin) -> None:
    """Without a kubelet the plugin says so, is alive and not ready, and registers when there is one."""
    app = start_plugin()
    wait_until(lambda: "no kubelet yet" in fetch(app, "/readyz")[1])
    assert fetch(app, "/readyz")[0] == 503
    assert fetch(app, "/livez") == (200, "alive\n")
    late = ReplayedKubelet(folder)
    late.start()
    try:
        late.wait_list(RESOURCE_QAIC, is_all_healthy)
        wait_until(lambda: fetch(app, "/readyz")[0] == 200)
    finally:
        late.stop()
    wait_until(lambda: fetch(app, "/readyz")[0] == 503)


def test_a_kubelet_socket_that_is_a_file_is_named(folder: Path, start_plugin: StartPlugin) -> None:
    """A file in the place of the kubelet's socket gives one clear line, and the plugin keeps calm."""
    (folder / "kubelet.sock").write_text("")
    app = start_plugin()
    wait_until(lambda: "kubelet.sock is not a socket" in fetch(app, "/readyz")[1])
    assert fetch(app, "/livez")[0] == 200


def test_a_file_in_the_place_of_our_socket_is_not_deleted(
    kubelet: ReplayedKubelet, folder: Path, start_plugin: StartPlugin
) -> None:
    """What is not a socket is not ours: it stays, and the reason is on /readyz."""
    ours = folder / "airgate-qualcomm.com_qaic.sock"
    ours.write_text("precious")
    app = start_plugin()
    wait_until(lambda: "is not a socket" in fetch(app, "/readyz")[1])
    assert ours.read_text() == "precious"
    ours.unlink()
    kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)


def test_a_node_without_cards_is_calm_and_a_late_card_is_published(
    host: Path, kubelet: ReplayedKubelet, start_plugin: StartPlugin
) -> None:
    """Without a card nothing is registered and all is well; a card that appears later is offered."""
    write_tree(host, ())
    app = start_plugin()
    wait_until(lambda: fetch(app, "/readyz")[0] == 200)
    assert kubelet.registrations == 0
    write_tree(host, plan_socs(1, "std"))
    kubelet.wait_list(RESOURCE_QAIC, lambda found: len(found) == 1)


def test_two_resources_live_beside_each_other(host: Path, kubelet: ReplayedKubelet, start_plugin: StartPlugin) -> None:
    """Cards of two kinds in one node are two resources, and no SoC is on offer twice."""
    ultra = plan_socs(1, "ultra")
    write_tree(host, [*ultra, *plan_socs(1, "std", first_accel=len(ultra))])
    start_plugin(sku_resources="true")
    first = kubelet.wait_list(RESOURCE_QAIC_BY_SKU["ultra"], lambda found: len(found) == 4)
    second = kubelet.wait_list(RESOURCE_QAIC_BY_SKU["std"], lambda found: len(found) == 1)
    assert not set(first) & set(second)


def test_the_kubelet_is_told_which_socs_to_prefer(kubelet: ReplayedKubelet, start_plugin: StartPlugin) -> None:
    """A wish for four gets one whole Ultra, and must-include is honoured."""
    start_plugin()
    devices = kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)
    request = pb.PreferredAllocationRequest(
        container_requests=[
            pb.ContainerPreferredAllocationRequest(
                available_deviceIDs=list(devices), must_include_deviceIDs=["0000:22:00.0"], allocation_size=4
            )
        ]
    )
    answer = kubelet.endpoints[RESOURCE_QAIC].stub.GetPreferredAllocation(request, timeout=5)
    assert sorted(answer.container_responses[0].deviceIDs) == [f"0000:2{each}:00.0" for each in range(4)]


def test_two_plugins_of_ours_do_not_fight(
    kubelet: ReplayedKubelet, start_plugin: StartPlugin, caplog: pytest.LogCaptureFixture
) -> None:
    """The second says which socket is taken, once, and waits; it takes over when the first ends."""
    first = start_plugin()
    kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)
    second = start_plugin()
    wait_until(lambda: "another plugin serves" in fetch(second, "/readyz")[1])
    assert fetch(first, "/readyz")[0] == 200
    assert kubelet.registrations == 1
    first.stop()
    wait_until(lambda: fetch(second, "/readyz")[0] == 200)
    kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)
    assert [record.message for record in caplog.records].count("not registered") <= 2


def test_a_socket_that_a_dead_plugin_left_is_replaced(
    kubelet: ReplayedKubelet, folder: Path, start_plugin: StartPlugin
) -> None:
    """After a kill the file stays behind with nobody at its end; it is no other plugin."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / "airgate-qualcomm.com_qaic.sock"))
    start_plugin()
    kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)


def test_a_stream_that_is_taken_again_and_again_is_named_and_waited_for(
    kubelet: ReplayedKubelet, start_plugin: StartPlugin
) -> None:
    """Another vendor's plugin for the same resource: mended twice at once, then slower, with the reason on /readyz."""
    app = start_plugin()
    for _ in range(3):
        kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)
        kubelet.cut_stream(RESOURCE_QAIC)
    wait_until(lambda: "does another plugin offer qualcomm.com/qaic too?" in fetch(app, "/readyz")[1])
    kubelet.wait_list(RESOURCE_QAIC, is_all_healthy)


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, and setpriv to be less")
def test_a_kubelets_folder_without_permission_is_one_clear_line(host: Path, folder: Path) -> None:
    """A root without capabilities, as in the pod, in a folder that is not open to it: said once, retried, no crash."""
    (folder / "kubelet.sock").touch()
    folder.chmod(0)
    flags = ["--host-root", str(host), "--kubelet-dir", str(folder), "--http", "127.0.0.1:0", "--pod-resources", ""]
    less = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    command = [*less, sys.executable, "-m", "airgate_plugin", "run", *flags]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = next(json.loads(text) for text in process.stderr if "not registered" in text)
        assert line["why"] == f"{folder} cannot be used: Permission denied"
        assert process.poll() is None
    finally:
        process.terminate()
        process.communicate(timeout=20)
        folder.chmod(0o700)
    assert process.returncode == 0

"""The operator's word: devices out of service while the plugin runs, names of a site, and policies by name."""

from pathlib import Path

import grpc
import pytest

from airgate_kit.names import RESOURCE_QAIC
from airgate_plugin.config import build_settings
from airgate_plugin.errors import BadSettings, GrantRefused
from airgate_plugin.kubelet.sockets import name_endpoint
from airgate_plugin.model import Packing, Reason, Snapshot
from airgate_plugin.policy.exclusion import apply_exclusion, read_exclusions
from airgate_plugin.policy.grants import plan_grants
from airgate_plugin.policy.packing import choose_preferred
from airgate_plugin.sources.exclusions import Exclusions
from tests.plugin.conftest import StartPlugin
from tests.plugin.replayed_kubelet import ReplayedKubelet
from tests.plugin.test_packing import TWO_ULTRAS
from tests.plugin.test_policy import make_device

ULTRA = "0000:12:00.0"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", set()),
        ("0000:12:00.0\n# a remark\n\nSIM-00-1  # why", {"0000:12:00.0", "sim-00-1"}),
        ("a, b,,", {"a", "b"}),
        ("here/a\nthere/b", {"a"}),
    ],
)
def test_names_that_count_on_this_node(text: str, words: set[str]) -> None:
    """Remarks, blanks and other nodes' names do not."""
    assert read_exclusions(text, "here") == words


@pytest.mark.parametrize(("word", "excluded"), [(ULTRA, True), ("board-1", True), ("0000:13:00.0", False)])
def test_a_device_is_named_by_address_or_card(word: str, excluded: bool) -> None:
    """A board serial takes all SoCs of the card out; what the signs say is kept beneath."""
    device = make_device(ULTRA, card="BOARD-1")
    told = apply_exclusion(device, {word}, None)
    assert (told.health.reason is Reason.EXCLUDED) == excluded
    assert told.find_judged() == device.health


def test_a_file_that_cannot_be_read_puts_nothing_back(tmp_path: Path) -> None:
    """What it said last still counts, and the trouble is named; a file that is gone excludes nothing."""
    path = tmp_path / "exclude"
    source = Exclusions("always", path, "")
    assert source.look().excluded == {"always"}
    path.write_text("sometimes")
    assert source.look().excluded == {"always", "sometimes"}
    path.write_bytes(b"\xff\xff")
    look = source.look()
    assert look.excluded == {"always", "sometimes"}
    assert "still counts" in (look.trouble or "")
    path.unlink()
    assert source.look().excluded == {"always"}


@pytest.mark.process
def test_a_device_is_taken_out_and_put_back_while_running(
    folder: Path, kubelet: ReplayedKubelet, start_plugin: StartPlugin
) -> None:
    """Unhealthy and refused at once, healthy at once when the line is gone; the others never notice."""
    path = folder / "exclude"
    start_plugin(exclude_file=str(path))
    kubelet.wait_list(RESOURCE_QAIC, lambda found: len(found) == 8)
    path.write_text(f"{ULTRA}\n")
    found = kubelet.wait_list(RESOURCE_QAIC, lambda found: found[ULTRA].health == "Unhealthy")
    assert [each.health for each in found.values()].count("Healthy") == 7
    with pytest.raises(grpc.RpcError) as caught:
        kubelet.allocate(RESOURCE_QAIC, [ULTRA])
    assert "out of service" in caught.value.details()
    path.unlink()
    kubelet.wait_list(RESOURCE_QAIC, lambda found: found[ULTRA].health == "Healthy")


@pytest.mark.process
def test_a_site_has_its_own_names(kubelet: ReplayedKubelet, start_plugin: StartPlugin) -> None:
    """A resource is offered under the other name, and under that alone."""
    start_plugin(resources=f"{RESOURCE_QAIC}=accelerators.site.example/inference-card")
    kubelet.wait_list("accelerators.site.example/inference-card", lambda found: len(found) == 8)
    assert list(kubelet.endpoints) == ["accelerators.site.example/inference-card"]


def test_a_long_name_still_fits_into_a_socket_path() -> None:
    """The kernel's limit does not grow with a site's names; two names stay two sockets."""
    long = [f"accelerators.site.example/{'x' * 60}{each}" for each in range(2)]
    assert {len(name_endpoint(each)) for each in long} == {len(name_endpoint("qualcomm.com/qaic-ultra"))}
    assert name_endpoint(long[0]) != name_endpoint(long[1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("qaic=site.example/ai", "usual are"),
        ("qualcomm.com/qaic=ai", "DOMAIN/NAME"),
        ("qualcomm.com/qaic=a.b/x,qualcomm.com/qaic=a.b/y", "USUAL=OTHER"),
        ("qualcomm.com/qaic=nvidia.com/gpu", "under one name"),
    ],
)
def test_a_wrong_name_is_refused(text: str, words: str) -> None:
    """What could never be scheduled is no setting."""
    with pytest.raises(BadSettings, match=words):
        build_settings([("flag", {"resources": text})])


@pytest.mark.parametrize(
    ("available", "must", "size", "chosen"),
    [
        ("a0 a1 a2 a3 b0 b1 b2 b3", "", 2, "a0 b0"),
        ("a0 a1 a2 a3 b0 b1 b2 b3", "", 4, "a0 a1 b0 b1"),
        ("a0 b0 b1 b2", "", 1, "b0"),  # the fullest card first
        ("a0 a1 b0 b1", "a1", 2, "a1 b0"),
        ("a0 a1", "", 4, "a0 a1"),
    ],
)
def test_spread_takes_from_as_many_cards_as_can_be(available: str, must: str, size: int, chosen: str) -> None:
    """The opposite of packed, with must-include honoured all the same."""
    found = choose_preferred(available.split(), must.split(), size, TWO_ULTRAS, Packing.SPREAD)
    assert sorted(found) == chosen.split()


def test_whole_cards_only_means_that_a_part_is_refused() -> None:
    """A preference is a hint that the kubelet may pass over; a refusal is not."""
    snapshot = Snapshot(1, tuple(TWO_ULTRAS.values()))
    whole = [f"a{each}" for each in range(4)]
    assert len(plan_grants([whole], RESOURCE_QAIC, snapshot, whole=True)) == 1
    with pytest.raises(GrantRefused, match="only whole cards"):
        plan_grants([["a0", "a1"]], RESOURCE_QAIC, snapshot, whole=True)

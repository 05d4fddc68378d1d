"""MIG devices through nvidia-ml-py and a simulated NVML library: names, nodes, new partitions, errors of one alone."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgate_kit.names import RESOURCE_GPU
from airgate_plugin.config import build_settings
from airgate_plugin.errors import BadSettings
from airgate_plugin.model import Device, DeviceId, Observation, PciAddress, Reason, Sighting, Vendor
from airgate_plugin.policy.exclusion import apply_exclusion
from airgate_plugin.policy.health import QUIET_SECONDS, is_lost
from airgate_plugin.policy.merge import FORGET_SECONDS, Rules, merge_observations
from airgate_plugin.policy.naming import choose_resource
from airgate_plugin.sources.hostfs import HostFiles
from airgate_plugin.sources.nvidia_mig import Capabilities, compute_profile
from airgate_plugin.telemetry.features import write_features
from tests.plugin.conftest import write_gpus
from tests.plugin.replayed_kubelet import ReplayedKubelet
from tests.plugin.test_nvidia import UUID, run_doctor

SMALL, LARGE = "nvidia.com/mig-1g.5gb", "nvidia.com/mig-2g.10gb"
CONTROL = ["/dev/nvidiactl", "/dev/nvidia-uvm"]


def name_part(gpu: int, part: int) -> str:
    """Return the UUID that the simulated library gives the part (from 1) of a GPU (from 0)."""
    return f"MIG-00000000-0000-0000-{gpu:04d}-{part:012d}"


@pytest.fixture
def mig_host(gpu_host: Path) -> Path:
    """The host of the GPUs, whose driver tells the capability nodes of three instances of both GPUs."""
    lines, number = ["config 1", "monitor 2"], 30
    (gpu_host / "dev/nvidia-caps").mkdir()
    for gpu in (0, 1):
        for instance in (1, 2, 3):
            for name in (f"gpu{gpu}/gi{instance}/access", f"gpu{gpu}/gi{instance}/ci0/access"):
                lines.append(f"{name} {number}")
                (gpu_host / f"dev/nvidia-caps/nvidia-cap{number}").touch()
                number += 1
    minors = gpu_host / "proc/driver/nvidia-caps/mig-minors"
    minors.parent.mkdir(parents=True)
    minors.write_text("\n".join(lines) + "\n")
    return gpu_host


@pytest.mark.parametrize(
    ("slices", "memory_mib", "total_mib", "name"),
    [
        ((1, 1), 4864, 40536, "1g.5gb"),
        ((2, 2), 9856, 40536, "2g.10gb"),
        ((3, 3), 20096, 40536, "3g.20gb"),
        ((1, 2), 9856, 40536, "1c.2g.10gb"),
        ((1, 1), 9984, 81559, "1g.10gb"),
        ((1, 1), 19968, 81559, "1g.20gb"),
        ((1, 1), 16384, 143771, "1g.18gb"),
        ((1, 1), 4864, 0, "1g.0gb"),  # a GPU that does not tell its memory is no reason to fall over
    ],
)
def test_a_size_has_the_name_that_nvidia_gives_it(
    slices: tuple[int, int], memory_mib: int, total_mib: int, name: str
) -> None:
    """Also where an old driver does not tell the name: A100 of 40 GB, H100 of 80 GB, H200 of 141 GB."""
    assert compute_profile(*slices, memory_mib, total_mib << 20) == name


@pytest.mark.parametrize(
    ("profile", "resource"),
    [
        ("1g.5gb", SMALL),
        ("1g.5gb+me", "nvidia.com/mig-1g.5gb.me"),
        ("1g.10gb+me.all", "nvidia.com/mig-1g.10gb.me.all"),
        ("1c.2g.10gb", None),
    ],
)
def test_resources_are_named_as_by_nvidias_own_plugin(profile: str, resource: str | None) -> None:
    """Its mixed strategy: a pod that ran beside its plugin runs beside ours."""
    assert choose_resource(Vendor.NVIDIA, "GPU", False, None, profile) == resource


def test_a_site_may_offer_its_equal_parts_as_whole_gpus() -> None:
    """What NVIDIA calls the single strategy; a name that nobody could have meant is refused."""
    settings = build_settings([("test", {"resources": f"{SMALL}={RESOURCE_GPU}"})])
    assert choose_resource(Vendor.NVIDIA, "GPU", False, settings.resources, "1g.5gb") == RESOURCE_GPU
    for wrong in ("nvidia.com/mig-small=site.example/x", f"{SMALL}=qualcomm.com/qaic"):
        with pytest.raises(BadSettings):
            build_settings([("test", {"resources": wrong})])


def test_a_split_gpu_is_offered_by_its_parts_alone(mig_host: Path, environment: dict[str, str]) -> None:
    """The whole is on the list, well, and not on offer; each part has its UUID, its nodes and its GPU's facts."""
    write_gpus(environment, "mig:1g.5gb,-,2g.10gb,1c.3g.20gb\nok\n")
    described = run_doctor(mig_host, environment, "--nvidia")
    gpus = {each["id"]: each for each in described["devices"] if each["vendor"] == "nvidia"}
    whole, part = gpus[f"{UUID}0"], gpus[name_part(0, 3)]
    assert (whole["resource"], whole["healthy"], whole["split"]) == (None, True, True)
    assert (part["resource"], part["healthy"], part["mig_profile"], part["part_of"]) == (
        LARGE,
        True,
        "2g.10gb",
        f"{UUID}0",
    )
    assert part["nodes"] == ["/dev/nvidia0", *CONTROL, "/dev/nvidia-caps/nvidia-cap34", "/dev/nvidia-caps/nvidia-cap35"]
    assert part["facts"] == {"temperature_celsius": "41", "dram_total": "9728 MB"}
    assert gpus[name_part(0, 4)]["resource"] is None
    assert any("1c.2g.10gb" in sentence for sentence in described["advice"])
    assert {name: described["resources"].get(name) for name in (SMALL, LARGE, RESOURCE_GPU)} == {
        SMALL: 1,
        LARGE: 1,
        RESOURCE_GPU: 1,
    }


def test_an_old_driver_that_tells_no_names_makes_no_difference(mig_host: Path, environment: dict[str, str]) -> None:
    """The size is worked out from slices and memory."""
    write_gpus(environment, "mig:1g.5gb,2g.10gb\n")
    resources = run_doctor(mig_host, {**environment, "SIMULATED_NVML_OLD": "1"}, "--nvidia")["resources"]
    assert {SMALL, LARGE} <= set(resources)


def test_a_part_whose_nodes_are_not_there_is_not_granted(mig_host: Path, environment: dict[str, str]) -> None:
    """A container would not even start with such a node; the reason says what makes it."""
    write_gpus(environment, "mig:1g.5gb,1g.5gb\n")
    (mig_host / "dev/nvidia-caps/nvidia-cap33").unlink()
    gpus = {each["id"]: each for each in run_doctor(mig_host, environment, "--nvidia")["devices"]}
    assert gpus[name_part(0, 1)]["reason"] == "ok"
    assert gpus[name_part(0, 2)]["reason"] == "no-capability"
    assert "nvidia-modprobe" in gpus[name_part(0, 2)]["why"]


def test_the_numbers_of_nodes_are_also_in_a_file_each(tmp_path: Path) -> None:
    """Where the list is missing, the small files are read; what is in neither place is not guessed."""
    for minor, name in ((7, "gi1/access"), (8, "gi1/ci0/access")):
        path = tmp_path / "proc/driver/nvidia/capabilities/gpu2/mig" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"DeviceFileMinor: {minor}\nDeviceFileMode: 292\nDeviceFileModify: 1\n")
        node = tmp_path / f"dev/nvidia-caps/nvidia-cap{minor}"
        node.parent.mkdir(parents=True, exist_ok=True)
        node.touch()
    found = Capabilities(HostFiles(tmp_path))
    assert found.find_nodes(2, 1, 0) == ("/dev/nvidia-caps/nvidia-cap7", "/dev/nvidia-caps/nvidia-cap8")
    assert found.find_nodes(2, 2, 0) == ()


def is_healthy(found: object, gpu: int, part: int) -> bool:
    """Return whether a part is on the kubelet's list, and healthy."""
    name = name_part(gpu, part)
    return name in found and found[name].health == "Healthy"


@pytest.mark.process
def test_a_new_partition_is_offered_without_a_restart(
    mig_host: Path, kubelet: ReplayedKubelet, running: subprocess.Popen[bytes], environment: dict[str, str]
) -> None:
    """Whole, split, split anew, whole: each time the kubelet hears what can be had, and no more of what cannot."""
    write_gpus(environment, "ok\n")
    kubelet.wait_list(RESOURCE_GPU, lambda found: len(found) == 1)
    whole = kubelet.endpoints[RESOURCE_GPU]
    write_gpus(environment, "mig:1g.5gb,1g.5gb\n")
    kubelet.wait_list(SMALL, lambda found: is_healthy(found, 0, 1) and is_healthy(found, 0, 2))
    kubelet.wait_end(whole)
    (answer,) = kubelet.allocate(SMALL, [name_part(0, 2)]).container_responses
    assert dict(answer.envs) == {"NVIDIA_VISIBLE_DEVICES": name_part(0, 2)}
    caps = ["/dev/nvidia-caps/nvidia-cap32", "/dev/nvidia-caps/nvidia-cap33"]
    assert [each.host_path for each in answer.devices] == ["/dev/nvidia0", *CONTROL, *caps]
    write_gpus(environment, "mig:1g.5gb,-,2g.10gb\n")
    kubelet.wait_list(LARGE, lambda found: is_healthy(found, 0, 3))
    kubelet.wait_list(SMALL, lambda found: is_healthy(found, 0, 1) and not is_healthy(found, 0, 2))
    write_gpus(environment, "ok\n")
    kubelet.wait_list(RESOURCE_GPU, lambda found: found[f"{UUID}0"].health == "Healthy")
    kubelet.wait_list(SMALL, lambda found: not is_healthy(found, 0, 1))
    assert running.poll() is None


@pytest.mark.process
@pytest.mark.parametrize("error", ["ecc", "xid94"])
def test_an_error_of_one_part_leaves_the_others_on_offer(
    mig_host: Path,
    kubelet: ReplayedKubelet,
    running: subprocess.Popen[bytes],
    environment: dict[str, str],
    error: str,
) -> None:
    """A contained error is that instance's alone; an error of the whole GPU is everybody's on it, and no other's."""
    write_gpus(environment, "mig:1g.5gb,1g.5gb\nmig:1g.5gb\n")
    kubelet.wait_list(SMALL, lambda found: all(is_healthy(found, *each) for each in ((0, 1), (0, 2), (1, 1))))
    write_gpus(environment, f"mig:1g.5gb!{error},1g.5gb\nmig:1g.5gb\n")
    found = kubelet.wait_list(SMALL, lambda found: not is_healthy(found, 0, 1))
    assert is_healthy(found, 0, 2)
    write_gpus(environment, "lost\nmig:1g.5gb\n")
    found = kubelet.wait_list(SMALL, lambda found: not is_healthy(found, 0, 2))
    assert is_healthy(found, 1, 1)
    assert running.poll() is None


GPU = Sighting(Vendor.NVIDIA, PciAddress("0000:41:00.0"), DeviceId("GPU-1"), nodes=("/dev/nvidia0",), status="ok")


def see(state: str) -> Observation:
    """Return what NVML says of one GPU: a dot for nothing, w whole, l lost, ? no answer, digits for its parts."""
    if state == "?":
        return Observation("nvml", (), "NVML does not answer")
    if state == ".":
        return Observation("nvml")
    status = {"w": "ok", "l": "lost"}.get(state, "split")
    whole = Sighting(GPU.vendor, GPU.address, GPU.id, nodes=GPU.nodes, status=status)
    parts = [
        Sighting(GPU.vendor, GPU.address, DeviceId(f"MIG-{each}"), "1g.5gb", GPU.id, status="ok")
        for each in state
        if each.isdigit()
    ]
    return Observation("nvml", (whole, *parts))


def tell(*story: tuple[str, float]) -> tuple[Device, ...]:
    """Return the devices at the end of a story of (state, at which second)."""
    devices: tuple[Device, ...] = ()
    for state, second in story:
        devices = merge_observations([see(state)], devices, Rules(), second)
    return devices


@pytest.mark.parametrize(
    ("state", "reason"),
    [("1", Reason.MIG_REMOVED), ("w", Reason.MIG_REMOVED), ("l", Reason.GPU_LOST), (".", Reason.GONE)],
)
def test_who_held_a_part_that_is_no_more_is_told_why(state: str, reason: Reason) -> None:
    """Destroyed, lost with its GPU, or off the bus: either way nothing on it can go on."""
    part = next(device for device in tell(("12", 0), (state, 1)) if device.id == "MIG-2")
    assert part.health.reason is reason
    assert is_lost(part.health)


def test_a_destroyed_part_is_forgotten_in_the_end() -> None:
    """The kubelet's list does not grow with each new partition; a part whose GPU is ill is not forgotten."""
    assert [each.id for each in tell(("12", 0), ("1", 1), ("1", FORGET_SECONDS + 2))] == ["GPU-1", "MIG-1"]
    assert [each.id for each in tell(("12", 0), ("l", 1), ("l", FORGET_SECONDS * 9))] == ["GPU-1", "MIG-1", "MIG-2"]


def test_a_gpu_out_of_service_takes_its_parts_with_it() -> None:
    """The operator names the GPU once, by its UUID or its address; one part can be named alone."""
    whole, first, second = tell(("12", 0))
    for word in ("gpu-1", "0000:41:00.0"):
        assert all(apply_exclusion(each, {word}, None).health.reason is Reason.EXCLUDED for each in (first, second))
    assert [apply_exclusion(each, {"mig-1"}, None).health.healthy for each in (whole, first, second)] == [1, 0, 1]


def test_a_split_gpu_counts_by_its_parts() -> None:
    """Node labels count what can be had."""
    assert "nvidia.devices=2\n" in write_features(tell(("12", 0)))
    assert "nvidia.cards=1\n" in write_features(tell(("12", 0)))


STATES = st.text(alphabet="123", min_size=1, max_size=3).map(lambda text: "".join(sorted(set(text))))


@given(st.lists(st.tuples(st.sampled_from("w.l?") | STATES, st.integers(1, 300)), max_size=20), STATES)
def test_however_a_gpu_is_split_nothing_is_offered_twice(story: list[tuple[str, int]], last: str) -> None:
    """Never the whole beside a part of it, no UUID twice, and at the end all that is there is on offer."""
    devices, now = (), 0.0
    for state, seconds in [*story, (last, 1), *[(last, int(QUIET_SECONDS) + 5)] * 2, (last, int(FORGET_SECONDS) + 1)]:
        now += seconds
        devices = merge_observations([see(state)], devices, Rules(), now)
        healthy = [each for each in devices if each.resource and each.health.healthy]
        assert len({each.id for each in devices}) == len(devices)
        if state not in ".l?":
            assert len({bool(each.profile) for each in healthy}) <= 1
    assert {each.id for each in healthy} == {f"MIG-{each}" for each in last}
    assert len(devices) == len(last) + 1

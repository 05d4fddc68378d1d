"""NVIDIA GPUs through nvidia-ml-py and a simulated NVML library. No GPU answers here."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airgate_kit.names import RESOURCE_GPU, RESOURCE_QAIC
from airgate_plugin.sources.hostfs import HostFiles
from airgate_plugin.sources.nvidia_nvml import NvidiaNvml
from airgate_protocols import deviceplugin_pb2 as pb
from tests.plugin.conftest import write_gpus
from tests.plugin.replayed_kubelet import ReplayedKubelet

UUID = "GPU-00000000-0000-0000-0000-00000000000"


def run_doctor(host: Path, environment: dict[str, str], *flags: str) -> dict[str, object]:
    """Return what `doctor --json` says."""
    command = [sys.executable, "-m", "airgate_plugin", "doctor", "--json", "--host-root", str(host), *flags]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    described: dict[str, object] = json.loads(done.stdout)
    return described


def test_each_gpu_has_its_reason(gpu_host: Path, environment: dict[str, str]) -> None:
    """A well, a lost and a split GPU are told apart; one that fell off before the start is not offered."""
    devices = run_doctor(gpu_host, environment, "--nvidia")["devices"]
    gpus = [each for each in devices if each["vendor"] == "nvidia"]
    assert [(each["id"], each["reason"]) for each in gpus] == [
        (f"{UUID}0", "ok"),
        (f"{UUID}1", "gpu-lost"),
        (f"{UUID}3", "mig-enabled"),
    ]
    assert gpus[0]["nodes"] == ["/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm"]
    assert [each["resource"] for each in gpus] == [RESOURCE_GPU, RESOURCE_GPU, None]


def test_gpus_are_offered_only_where_asked(gpu_host: Path, environment: dict[str, str]) -> None:
    """Beside NVIDIA's own operator the plugin stays away from NVIDIA's resource."""
    assert run_doctor(gpu_host, environment)["resources"] == {RESOURCE_QAIC: 8}


def test_without_nvidias_library_the_reason_is_named(gpu_host: Path) -> None:
    """A node without NVIDIA's driver has no GPU, and the Qualcomm cards are as they were."""
    described = run_doctor(gpu_host, {**os.environ, "LD_LIBRARY_PATH": ""}, "--nvidia")
    trouble = next(each["trouble"] for each in described["sources"] if each["source"] == "nvml")
    assert "NVML does not answer" in trouble
    assert described["resources"] == {RESOURCE_QAIC: 8}


def test_a_gpu_is_granted_dies_and_heals(
    kubelet: ReplayedKubelet, running: subprocess.Popen[bytes], environment: dict[str, str]
) -> None:
    """Over the real protocol: grant by UUID and nodes, Unhealthy when it falls off the bus, Healthy after."""
    devices = kubelet.wait_list(RESOURCE_GPU, lambda found: len(found) == 2)
    assert devices[f"{UUID}0"].health == "Healthy"
    (answer,) = kubelet.allocate(RESOURCE_GPU, [f"{UUID}0"]).container_responses
    assert dict(answer.envs) == {"NVIDIA_VISIBLE_DEVICES": f"{UUID}0"}
    assert [each.host_path for each in answer.devices] == ["/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm"]
    write_gpus(environment, "fallen\nok\nok\nok\n")
    kubelet.wait_list(RESOURCE_GPU, lambda found: found[f"{UUID}0"].health == "Unhealthy" and len(found) == 4)
    write_gpus(environment, "ok\nok\nok\nok\n")
    kubelet.wait_list(RESOURCE_GPU, lambda found: all(each.health == "Healthy" for each in found.values()))
    assert running.poll() is None


def are_both_well(found: dict[str, pb.Device]) -> bool:
    """Return whether the first two GPUs are offered and healthy."""
    return all(each in found and found[each].health == "Healthy" for each in (f"{UUID}0", f"{UUID}1"))


@pytest.mark.parametrize("word", ["ecc", "xid48", "xid79"])
def test_an_error_of_the_gpu_turns_it_unhealthy(
    kubelet: ReplayedKubelet, running: subprocess.Popen[bytes], environment: dict[str, str], word: str
) -> None:
    """An uncorrected memory error, or an Xid of the GPU itself, takes it off the offer; its neighbour stays."""
    write_gpus(environment, "ok\nok\n")
    kubelet.wait_list(RESOURCE_GPU, are_both_well)
    write_gpus(environment, f"{word}\nok\n")
    found = kubelet.wait_list(RESOURCE_GPU, lambda found: found[f"{UUID}0"].health == "Unhealthy")
    assert found[f"{UUID}1"].health == "Healthy"
    assert running.poll() is None


def test_an_error_of_an_application_counts_for_nothing(
    kubelet: ReplayedKubelet, running: subprocess.Popen[bytes], environment: dict[str, str]
) -> None:
    """Xid 13 is a bug in somebody's kernel. The error of the other GPU, told after it, shows that both were heard."""
    write_gpus(environment, "ok\nok\n")
    kubelet.wait_list(RESOURCE_GPU, are_both_well)
    write_gpus(environment, "xid13\nxid79\n")
    found = kubelet.wait_list(RESOURCE_GPU, lambda found: found[f"{UUID}1"].health == "Unhealthy")
    assert found[f"{UUID}0"].health == "Healthy"


def test_application_errors_are_told_from_the_gpus() -> None:
    """The list is NVIDIA's own."""
    source = NvidiaNvml(HostFiles(Path("/")))
    assert [source.count_xid("GPU-1", xid) for xid in (13, 31, 43, 45, 68, 109, 48, 79)] == [False] * 6 + [True] * 2


def test_real_gpus_stand_beside_a_simulated_host(
    host: Path, folder: Path, kubelet: ReplayedKubelet, environment: dict[str, str]
) -> None:
    """With `host_prefix` the Qualcomm nodes lie in the simulated tree, and the GPUs' nodes on the machine itself."""
    flags = ["--host-root", str(host), "--host-prefix", str(host), "--kubelet-dir", str(folder), "--nvidia"]
    command = [sys.executable, "-m", "airgate_plugin", "run", *flags, "--http", "127.0.0.1:0"]
    process = subprocess.Popen(command, env=environment)
    try:
        kubelet.wait_list(RESOURCE_GPU, lambda found: len(found) == 2)
        kubelet.wait_list(RESOURCE_QAIC, lambda found: len(found) == 8)
        (gpu,) = kubelet.allocate(RESOURCE_GPU, [f"{UUID}0"]).container_responses
        (soc,) = kubelet.allocate(RESOURCE_QAIC, ["0000:10:00.0"]).container_responses
    finally:
        process.terminate()
        process.wait(20)
    assert gpu.devices[0].host_path == "/dev/nvidia0"
    assert soc.devices[0].host_path == f"{host}/dev/accel/accel0"
    assert soc.devices[0].container_path == "/dev/accel/accel0"

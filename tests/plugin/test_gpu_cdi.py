"""CDI for NVIDIA: a file of our own kind with the nodes of each GPU and MIG device, and the driver's libraries."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from airgate_kit.names import RESOURCE_GPU, RESOURCE_QAIC
from airgate_plugin.model import Device, DeviceId, PciAddress, Snapshot, Vendor
from airgate_plugin.policy.cdi import name_device, write_specs
from airgate_plugin.sources.hostfs import HostFiles
from airgate_plugin.sources.nvidia_libraries import GpuLibraries
from tests.plugin.replayed_kubelet import ReplayedKubelet
from tests.plugin.test_nvidia import UUID
from tests.plugin.test_policy import make_device

LIBRARIES = "/usr/lib/x86_64-linux-gnu"
NODES = ("/dev/nvidia0", "/dev/nvidiactl")


@pytest.fixture
def running_with_cdi(
    gpu_host: Path, folder: Path, tmp_path: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """The plugin as a process, with a folder of CDI files and the host's libraries."""
    (tmp_path / "cdi").mkdir()
    (gpu_host / LIBRARIES.lstrip("/")).mkdir(parents=True)
    for name in ("libcuda.so.1", "libcuda.so.550.54.15", "libnvidia-ml.so.1", "libc.so.6", "libcuda.so", "libcuda.a"):
        (gpu_host / LIBRARIES.lstrip("/") / name).touch()
    flags = ["--host-root", str(gpu_host), "--kubelet-dir", str(folder), "--nvidia", "--http", "127.0.0.1:0"]
    flags += ["--cdi-dir", str(tmp_path / "cdi"), "--nvidia-libraries", f"{LIBRARIES}/"]
    process = subprocess.Popen([sys.executable, "-m", "airgate_plugin", "run", *flags], env=environment)
    yield process
    process.terminate()
    assert process.wait(20) == 0


@pytest.mark.process
def test_a_gpu_is_granted_by_its_cdi_name_too(
    kubelet: ReplayedKubelet, running_with_cdi: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """Its file is there before the grant, beside that of the Qualcomm cards; the nodes stay in the answer as well."""
    kubelet.wait_list(RESOURCE_GPU, lambda found: found[f"{UUID}0"].health == "Healthy")
    (answer,) = kubelet.allocate(RESOURCE_GPU, [f"{UUID}0"]).container_responses
    assert [each.name for each in answer.cdi_devices] == [f"airgate.io/gpu={UUID}0"]
    assert answer.devices
    spec = json.loads((tmp_path / "cdi/airgate.io-gpu.json").read_text())
    assert (spec["cdiVersion"], spec["kind"]) == ("0.7.0", "airgate.io/gpu")
    named = {each["name"]: each["containerEdits"] for each in spec["devices"]}
    nodes = [each["path"] for each in named[f"{UUID}0"]["deviceNodes"]]
    assert nodes == ["/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm"]
    mounts = spec["containerEdits"]["mounts"]
    names = ["libcuda.so.1", "libcuda.so.550.54.15", "libnvidia-ml.so.1"]
    assert [each["containerPath"] for each in mounts] == [f"{LIBRARIES}/{name}" for name in names]
    assert all(each["hostPath"] == each["containerPath"] and "ro" in each["options"] for each in mounts)
    kubelet.wait_list(RESOURCE_QAIC, lambda found: len(found) == 8)
    (answer,) = kubelet.allocate(RESOURCE_QAIC, ["0000:10:00.0"]).container_responses
    assert [each.name for each in answer.cdi_devices] == ["airgate.io/qaic=0000:10:00.0"]
    assert (tmp_path / "cdi/airgate.io-qaic.json").exists()


def make_gpu(name: str, **changes: object) -> Device:
    """Return a GPU that is well."""
    gpu = make_device("0000:41:00.0", id=DeviceId(name), vendor=Vendor.NVIDIA, nodes=NODES)
    return replace(gpu, **changes)


def test_a_file_is_valid_for_whatever_there_is() -> None:
    """No device without an edit, no empty list of mounts, no name that CDI does not allow: a runtime refuses those."""
    gpu, part = make_gpu("GPU-1"), make_gpu("MIG-GPU-1/2/0", profile="1g.5gb")
    blind = make_gpu("GPU-2", nodes=(), address=PciAddress("0000:42:00.0"))
    spec = json.loads(write_specs(Snapshot(1, (gpu, part, blind), qaic_gid=995))[Vendor.NVIDIA])
    assert [each["name"] for each in spec["devices"]] == ["GPU-1", "MIG-GPU-1_2_0"]
    assert name_device(part) == "airgate.io/gpu=MIG-GPU-1_2_0"
    assert all(each["containerEdits"]["deviceNodes"] for each in spec["devices"])
    assert "containerEdits" not in spec
    assert write_specs(Snapshot(1, (make_device("0000:10:00.0"),))) == {}, (
        "a host without the group has nothing to give"
    )
    assert write_specs(Snapshot(1)) == {}


@pytest.mark.parametrize("folder", [None, "/absent", "/etc/group"])
def test_without_a_folder_of_libraries_there_are_none(host: Path, folder: str | None) -> None:
    """None asked for, none there, or no folder at all: the grant goes on without them."""
    assert GpuLibraries(HostFiles(host), folder).find() == ()

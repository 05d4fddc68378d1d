"""A simulated host, a folder for sockets, a replayed kubelet, and the plugin itself running in this process."""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from airgate_kit.clock import SystemClock
from airgate_plugin.app import App
from airgate_plugin.config import build_settings
from airgate_simulator import plan_socs, write_tree
from tests.plugin.replayed_kubelet import ReplayedKubelet

StartPlugin = Callable[..., App]
NVML = Path(__file__).with_name("simulated_nvml.c")
QUICK = {"period": "0.1", "qaic_util_period": "0.2", "http": "127.0.0.1:0", "log_level": "debug"}


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """The command line sends all logs to a stream that ends with its test; put back what was there."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A simulated host with two Ultra cards (8 SoCs)."""
    root = tmp_path / "host"
    write_tree(root, plan_socs(2, "ultra"))
    return root


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path for sockets: the kernel allows 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="agk"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def kubelet(folder: Path) -> Iterator[ReplayedKubelet]:
    """A replayed kubelet that runs."""
    replayed = ReplayedKubelet(folder)
    replayed.start()
    yield replayed
    replayed.stop()


@pytest.fixture
def start_plugin(host: Path, folder: Path) -> Iterator[StartPlugin]:
    """Start the plugin on the simulated host with the given settings; it is stopped after the test."""
    apps: list[App] = []

    def start(**settings: str) -> App:
        layer = {**QUICK, "host_root": str(host), "kubelet_dir": str(folder), "pod_resources": "", **settings}
        app = App(build_settings([("test", layer)]), SystemClock())
        apps.append(app)
        app.start()
        return app

    yield start
    for app in apps:
        app.stop()


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a freshly compiled libnvidia-ml.so.1."""
    if not shutil.which("cc"):
        pytest.skip("needs a C compiler (cc) to make the simulated NVML")
    folder = tmp_path_factory.mktemp("nvml")
    subprocess.run(["cc", "-shared", "-fPIC", "-Wall", "-o", folder / "libnvidia-ml.so.1", NVML], check=True)
    return folder


@pytest.fixture
def environment(library: Path, tmp_path: Path) -> dict[str, str]:
    """An environment in which NVML finds four simulated GPUs, each with its own state."""
    (tmp_path / "gpus").write_text("ok\nlost\nfallen\nmig\n")
    return {**os.environ, "LD_LIBRARY_PATH": str(library), "SIMULATED_NVML": str(tmp_path / "gpus")}


def write_gpus(environment: dict[str, str], text: str) -> None:
    """Let the simulated NVML see these GPUs from now on, in one step: half a file would be GPUs that are gone."""
    path = Path(environment["SIMULATED_NVML"])
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


@pytest.fixture
def gpu_host(host: Path) -> Path:
    """The simulated Qualcomm host, with NVIDIA's device nodes beside."""
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (host / "dev" / name).touch()
    return host


@pytest.fixture
def running(gpu_host: Path, folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The plugin as a process of its own: nvidia-ml-py loads one library for the life of a process."""
    flags = ["--host-root", str(gpu_host), "--kubelet-dir", str(folder), "--nvidia", "--http", "127.0.0.1:0"]
    command = [sys.executable, "-m", "airgate_plugin", "run", *flags, "--period", "0.1"]
    process = subprocess.Popen(command, env=environment)
    yield process
    process.terminate()
    assert process.wait(20) == 0


def fetch(app: App, path: str) -> tuple[int, str]:
    """Return status and body of one of the plugin's pages."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{app.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as why:
        return why.code, why.read().decode()


def wait_until(is_so: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for a condition; fail with it where it does not come."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"did not come in {seconds} s: {is_so}"
        time.sleep(0.02)

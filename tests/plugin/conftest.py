"""A simulated host, a folder for sockets, a replayed kubelet, and the plugin itself running in this process."""

import logging
import shutil
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

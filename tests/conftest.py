"""What every test is held to: it leaves no thread and no process behind, and a run that must not skip does not."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

SHARED_TRIAL = {f"tests/trial/test_{name}.py" for name in ("formats", "functions", "jobs", "lost_card", "servers")}
SETTLE_S = 20.0  # a process that was told to end may take this long to be gone on a busy machine

if TYPE_CHECKING:
    from tests.cluster import Cluster

settings.register_profile("loaded", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("loaded")  # a machine that is busy with something else fails no property


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --forbid-skips, --suite-cluster and --large."""
    parser.addoption("--forbid-skips", action="store_true", help="fail when a test was skipped or none ran")
    parser.addoption("--suite-cluster", default="airgate-suite", help="name of this run's cluster; two runs take two")
    parser.addoption("--large", action="store_true", help="run what needs wheels of gigabytes, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked large, whatever -m says, unless it was asked for."""
    left = [] if config.getoption("--large") else [item for item in items if item.get_closest_marker("large")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep a file on one worker, and the files that share a trial on the same; xdist's own groups come to nothing."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            return "a shared trial" if file in SHARED_TRIAL else file

    return Scheduling(config, log)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Turn a run that skipped, or ran nothing, into a failed one where that was asked for."""
    if not session.config.getoption("--forbid-skips"):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = len(reporter.stats.get("skipped", ())) if reporter else 0
    if skipped or exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(autouse=True, scope="module")
def nothing_is_left_behind() -> Iterator[None]:
    """After each file of tests, as many threads and child processes as before."""
    before_threads, before_children = find_threads(), find_children()
    yield
    deadline = time.monotonic() + SETTLE_S
    while (left := (find_threads() - before_threads, find_children() - before_children)) != (set(), set()):
        assert time.monotonic() < deadline, f"left behind: threads {left[0]}, processes {left[1]}"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def suite_cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """One cluster of one node for all suites that leave of it only images; removed at the end.

    Nothing beyond this machine is reached: before kube-proxy has written its rules a Service's address leads there,
    and whoever answers on it would be taken for the Service.
    """
    from tests.cluster import Cluster
    from tests.cluster.network import GATEWAY

    name = request.config.getoption("--suite-cluster")
    started = Cluster.start_anew(name, egress=False, allowed=[f"ip daddr {GATEWAY}"])
    yield started
    started.remove()


def find_threads() -> set[threading.Thread]:
    """Return the threads that keep a process from ending."""
    return {thread for thread in threading.enumerate() if not thread.daemon}


def find_children() -> set[str]:
    """Return "pid name" of this process's children."""
    found = set()
    for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
        try:
            found.add(f"{pid} {Path(f'/proc/{pid}/comm').read_text().strip()}")
        except OSError:
            continue
    return found

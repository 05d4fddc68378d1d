"""The reconciler as it runs: a process over a real store and a real supervisor, and what its death costs."""

import subprocess
from collections.abc import Iterator

import pytest

from airgate_web.domain.workload import Kind
from tests.contracts.cluster_rig import observe_until
from tests.fakes.samples import NOON, make_runtime
from tests.web.appliance import Appliance

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def appliance() -> Iterator[Appliance]:
    """One appliance for all tests."""
    appliance = Appliance()
    yield appliance
    appliance.close()


def test_a_wish_is_carried_out_and_a_deleted_one_leaves_nothing(appliance: Appliance) -> None:
    """From the store to a process that answers, and back to nothing."""
    wish = appliance.deploy("first")
    status = appliance.wait_ready(wish)
    assert status.addresses[0].host == "127.0.0.1"
    appliance.store.remove_deployment("qc", "first", NOON)
    observe_until(appliance.rig, lambda seen: not seen.workloads, "nothing left")


def test_a_reconciler_that_is_killed_in_the_middle_loses_and_doubles_nothing(appliance: Appliance) -> None:
    """What was asked for happens, once, whenever the power went."""
    first = appliance.deploy("before")
    appliance.kill()
    second = appliance.deploy("while-away")
    appliance.reconciler = appliance.start()
    appliance.wait_ready(first)
    appliance.wait_ready(second)
    seen = appliance.rig.cluster.observe()
    assert sorted(len(facts.replicas) for facts in seen.workloads) == [1, 1]
    for name in ("before", "while-away"):
        appliance.store.remove_deployment("qc", name, NOON)
    observe_until(appliance.rig, lambda seen: not seen.workloads, "nothing left")


def test_it_is_ready_only_while_the_supervisor_answers_and_is_never_ended_by_that(appliance: Appliance) -> None:
    """An outage next door is reported, not answered with a crash loop."""
    appliance.wait_health("/readyz", 200)
    appliance.rig.supervisor.terminate()
    appliance.rig.supervisor.wait()
    wish = appliance.deploy("patient")
    appliance.rig.supervisor = appliance.rig.start_supervisor()
    appliance.wait_ready(wish)
    assert appliance.reconciler.poll() is None
    assert appliance.read_health("/livez") == 200
    assert appliance.read_health("/nothing") == 404
    appliance.store.remove_deployment("qc", "patient", NOON)
    observe_until(appliance.rig, lambda seen: not seen.workloads, "nothing left")


def test_a_runtimes_tester_is_started_with_it(appliance: Appliance) -> None:
    """A new environment is warm before anybody asks."""
    appliance.store.put_runtime(make_runtime("python"))
    seen = observe_until(appliance.rig, lambda seen: len(seen.workloads) == 1, "a tester")
    assert (seen.workloads[0].kind, seen.workloads[0].name[:9]) == (Kind.TESTER, "t-python-")


def test_a_port_in_use_is_refused_in_one_sentence(appliance: Appliance) -> None:
    """The sentence names the port and the variable."""
    appliance.wait_health("/livez", 200)
    second = subprocess.run(appliance.command, capture_output=True, text=True, check=False)
    assert second.returncode == 2
    refusal = second.stderr.splitlines()[-1]
    assert refusal.startswith(f"airgate-web: Cannot listen on 127.0.0.1 port {appliance.port}: Address already in use.")
    assert "AIRGATE_RECONCILER_HEALTH_PORT" in refusal

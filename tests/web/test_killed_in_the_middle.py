"""A reconciler or a supervisor that is killed at any moment of a deploy; the soak runs more of the same."""

import random
import signal
import time
from collections.abc import Iterator

import pytest

from airgate_web.domain.deployment import find_workload
from airgate_web.domain.workload import Observation, ReplicaState
from tests.contracts.cluster_rig import find_facts, observe_until
from tests.contracts.rig_local import find_processes
from tests.fakes.samples import NOON
from tests.web.appliance import Appliance

pytestmark = pytest.mark.process

LONGEST = 2.0  # seconds from the wish to the kill: a deploy takes about as long
SEEDS = (1, 2, 3)


@pytest.fixture(scope="module")
def appliance() -> Iterator[Appliance]:
    """One appliance for all kills."""
    appliance = Appliance()
    yield appliance
    appliance.close()


@pytest.mark.parametrize("victim", ["reconciler", "supervisor"])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_deploy_survives_the_death_of_either(appliance: Appliance, victim: str, seed: int) -> None:
    """No deployment is lost, none doubled, and no process is left over, whenever the power went."""
    deploy_and_kill(appliance, victim, seed)


def deploy_and_kill(appliance: Appliance, victim: str, seed: int) -> None:
    """Deploy twice, kill one process at a moment that the seed says, and hold what is left to the promise."""
    wishes = [appliance.deploy(f"{victim}-{seed}-{number}") for number in range(2)]
    time.sleep(random.Random(seed).uniform(0, LONGEST))  # the moment is the test
    kill(appliance, victim)
    names = [find_workload(wish).name for wish in wishes]
    observe_until(appliance.rig, lambda seen: all(is_one_ready(seen, name) for name in names), "one ready each")
    assert len(list_models(appliance)) == len(wishes)
    for wish in wishes:
        appliance.store.remove_deployment("qc", wish.name, NOON)
    observe_until(appliance.rig, is_empty, "nothing left")
    assert list_models(appliance) == []


def kill(appliance: Appliance, victim: str) -> None:
    """Kill a process and start it again."""
    if victim == "reconciler":
        appliance.kill()
        appliance.reconciler = appliance.start()
    else:
        appliance.rig.supervisor.send_signal(signal.SIGKILL)
        appliance.rig.supervisor.wait()
        appliance.rig.supervisor = appliance.rig.start_supervisor()


def list_models(appliance: Appliance) -> list[str]:
    """Return the processes that serve a model of this appliance."""
    return [line for line in find_processes(appliance.rig.home) if "airgate-serve" in line]


def is_one_ready(seen: Observation, name: str) -> bool:
    """Say whether a workload has exactly one replica, and that one answers."""
    facts = find_facts(seen, name)
    return facts is not None and [each.state for each in facts.replicas] == [ReplicaState.READY]


def is_empty(seen: Observation) -> bool:
    """Say whether nothing runs."""
    return not seen.workloads

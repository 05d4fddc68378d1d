"""From wishes to facts, on the fakes."""

import dataclasses
import threading
import time
from pathlib import Path

import pytest

from airgate_web.domain.deployment import find_workload
from airgate_web.domain.plan import ApplyWorkload, ReplaceReplica
from airgate_web.domain.runtime import RuntimeKind, find_tester_name
from airgate_web.domain.secrets import find_tester_secret
from airgate_web.domain.workload import ReplicaState
from airgate_web.reconcile.garbage import IDLE_SECONDS, PERIOD_SECONDS, Garbage
from airgate_web.reconcile.loop import Loop
from airgate_web.reconcile.meter import STALE_SECONDS, STUCK_SECONDS
from tests.fakes.blobs_memory import MemoryBlobs
from tests.fakes.samples import (
    NOON,
    make_report,
    make_runtime,
)
from tests.web.scene import Scene

pytestmark = pytest.mark.process

QAIC = "qualcomm.com/qaic"
DEADLINE = 30.0  # seconds; never reached when all is well


def test_a_deployment_becomes_ready_and_says_where_it_answers(scene: Scene) -> None:
    """Deploy is one click; the rest happens."""
    wish = scene.deploy()
    scene.reconciler.run_round()
    scene.reconciler.run_round()
    status = scene.read(wish)
    assert (status.state, status.ready, status.wanted, status.sentence) == (ReplicaState.READY, 2, 2, "")
    assert [address.http_port for address in status.addresses] == [8080]
    found = scene.store.find_observation()
    assert found is not None
    assert {holder.owner for holder in found[0].holders} == {"qc/live"}


def test_who_waits_for_cards_is_told_who_holds_them(scene: Scene) -> None:
    """Every Pending says who holds what it waits for."""
    scene.deploy("first")
    scene.reconciler.run_round()
    waiting = scene.deploy("second", replicas=3)
    scene.reconciler.run_round()
    status = scene.read(waiting)
    assert status.state is ReplicaState.WAITING
    assert status.ready == 2
    assert status.sentence == f"Asks 1 {QAIC}, 0 of 4 free: 2 held by qc/first, 2 held by qc/second."


def test_a_replica_whose_card_died_goes_on_with_a_spare_one(scene: Scene) -> None:
    """The cluster evicts nobody from a dead card, so the reconciler does, and ends no other replica."""
    wish = scene.deploy()
    scene.reconciler.run_round()
    lost, kept = scene.read(wish).replicas
    scene.cluster.sicken(lost.devices[0])
    scene.reconciler.run_round()
    scene.reconciler.run_round()
    status = scene.read(wish)
    assert (status.state, status.ready, status.sentence) == (ReplicaState.READY, 2, "")
    assert kept in status.replicas
    assert lost.devices[0] not in [card for replica in status.replicas for card in replica.devices]
    assert [each.replica for each in scene.cluster.applied if isinstance(each, ReplaceReplica)] == [lost.name]


def test_a_replica_whose_card_died_without_a_spare_says_so_and_goes_on_when_one_is_freed(scene: Scene) -> None:
    """It keeps its place: the card may come back, and a card that somebody gives back is taken at once."""
    wish, other = scene.deploy("first"), scene.deploy("second")
    scene.reconciler.run_round()
    lost = scene.read(wish).replicas[0]
    scene.cluster.sicken(lost.devices[0])
    scene.reconciler.run_round()
    status = scene.read(wish)
    assert (status.state, status.ready) == (ReplicaState.FAILED, 1)
    assert status.sentence.startswith(
        f"{lost.name}: lost its card {lost.devices[0]} (it left the PCI bus) on node-1, and"
    )
    assert f"no other {QAIC} is free: 2 held by qc/second, 1 held by qc/first. Bring" in status.sentence
    scene.store.remove_deployment(other.route, other.name, NOON)
    for _ in range(3):
        scene.reconciler.run_round()
    assert (scene.read(wish).state, scene.read(wish).sentence) == (ReplicaState.READY, "")


def test_a_card_that_is_held_and_not_used_is_noticed(scene: Scene) -> None:
    """A runtime that computes on the CPU beside its card must not go unseen."""
    wish = scene.deploy()
    scene.reconciler.run_round()
    notice = scene.read(wish).notice
    assert notice.startswith(f"Holds 1 {QAIC} but computes on the CPU: this runtime has no ")
    without = scene.deploy("plain", amounts=dataclasses.replace(wish.amounts, accelerators=0, resource=""))
    scene.reconciler.run_round()
    assert scene.read(without).notice == ""


def test_every_environment_has_its_warm_tester_and_a_worker_has_none(scene: Scene) -> None:
    """A test begins at once, with a secret that the web process knows without being told."""
    scene.store.put_runtime(make_runtime("python"))
    scene.store.put_runtime(make_runtime("batch", kind=RuntimeKind.WORKER))
    scene.reconciler.run_round()
    [action] = scene.cluster.applied
    assert isinstance(action, ApplyWorkload)
    assert action.workload.name == find_tester_name("python")
    assert action.workload.gate_secret == find_tester_secret("token", "python")


def test_a_deleted_deployment_leaves_the_cluster(scene: Scene) -> None:
    """Delete means gone, and its cards are free."""
    scene.deploy()
    scene.reconciler.run_round()
    scene.store.remove_deployment("qc", "live", NOON)
    scene.reconciler.run_round()
    seen = scene.cluster.observe()
    assert (seen.workloads, seen.holders) == ((), ())


def test_a_second_look_writes_and_does_nothing(scene: Scene) -> None:
    """An idle appliance is idle: no action, no new fact."""
    scene.deploy()
    for _ in range(2):
        scene.reconciler.run_round()
    facts, actions = scene.store.find_fact_number(), len(scene.cluster.applied)
    for _ in range(3):
        scene.clock.turn(1)
        scene.reconciler.run_round()
    assert (scene.store.find_fact_number(), len(scene.cluster.applied)) == (facts, actions)


def test_a_refused_deployment_says_why_waits_longer_each_time_and_holds_nobody_up(scene: Scene) -> None:
    """One bad deployment is its owner's trouble alone."""
    scene.cluster.refused = "qc/bad"
    bad, good = scene.deploy("bad"), scene.deploy("good")
    scene.reconciler.run_round()
    assert scene.read(good).state is ReplicaState.READY
    assert scene.read(bad).state is ReplicaState.FAILED
    assert scene.read(bad).sentence == "The cluster does not take it: The quota is used up."
    tries = []
    for _ in range(8):
        scene.clock.turn(1)
        before = len(scene.cluster.applied)
        scene.reconciler.run_round()
        tries.append(len(scene.cluster.applied) - before)
    assert tries == [1, 0, 1, 0, 0, 0, 1, 0]
    scene.cluster.refused = ""
    scene.clock.turn(60)
    scene.reconciler.run_round()
    assert scene.read(bad).state is ReplicaState.READY


def test_two_reconcilers_double_nothing(scene: Scene) -> None:
    """A rolling update of the webapp has two for a moment."""
    scene.deploy()
    scene.store.put_runtime(make_runtime("python"))
    other = scene.make_reconciler()
    for _ in range(2):
        scene.reconciler.run_round()
        other.run_round()
    seen = scene.cluster.observe()
    assert sorted(len(facts.replicas) for facts in seen.workloads) == [1, 2]
    assert len(scene.cluster.applied) == 2


def test_a_scaled_down_deployment_is_stopped(scene: Scene) -> None:
    """None wanted, none there: Stopped, and said so."""
    wish = scene.deploy(replicas=0)
    scene.reconciler.run_round()
    status = scene.read(wish)
    assert (status.state, status.sentence) == (ReplicaState.STOPPED, "Scaled to 0 replicas.")


def test_a_changed_deployment_is_not_ready_by_what_answered_before(scene: Scene) -> None:
    """Ready means this generation."""
    wish = scene.deploy()
    scene.reconciler.run_round()
    changed = scene.store.change_deployment(dataclasses.replace(wish, gate_secret="t" * 32, replicas=4))
    scene.reconciler.run_round()
    status = scene.read(changed)
    assert (status.generation, status.wanted) == (2, 4)
    workload = find_workload(changed)
    assert {facts.name for facts in scene.cluster.observe().workloads} == {workload.name}


def test_files_that_nobody_names_are_removed_after_a_while(scene: Scene, tmp_path: Path) -> None:
    """A broken upload does not fill the disk for ever, and a named model stays."""
    blobs = MemoryBlobs(tmp_path, scene.clock)
    garbage = Garbage(scene.store, blobs, scene.clock)
    lost, _ = blobs.put(iter([b"nobody"]), 100)
    kept, _ = blobs.put(iter([b"somebody"]), 100)
    wish = scene.deploy()
    scene.store.change_deployment(dataclasses.replace(wish, model=dataclasses.replace(wish.model, digest=kept)))
    assert garbage.collect() == frozenset()
    scene.clock.turn(IDLE_SECONDS + PERIOD_SECONDS)
    assert garbage.collect() == {lost}
    assert blobs.list() == {kept}


def test_the_loop_outlives_a_cluster_that_is_away(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """An outage is one line in the log, and over when it is over."""
    loop = Loop(scene.store, scene.cluster, None, "token", scene.clock, scene.meter)
    wish = scene.deploy()
    scene.cluster.away = True
    with caplog.at_level("INFO", "airgate_web.reconcile.loop"):
        assert [loop.run_round() for _ in range(3)] == [False] * 3
        assert not scene.meter.is_ready()
        scene.cluster.away = False
        assert loop.run_round()
    assert [record.getMessage() for record in caplog.records] == [
        "cannot reconcile, will try again",
        "reconciling again",
    ]
    assert scene.read(wish).state is ReplicaState.READY
    assert scene.meter.is_ready()


def test_the_loop_acts_on_a_wish_without_being_told(scene: Scene) -> None:
    """A click is felt within a moment; the loop ends when it is asked to."""
    loop = Loop(scene.store, scene.cluster, None, "token", scene.clock, scene.meter)
    thread = threading.Thread(target=loop.run)
    thread.start()
    wish = scene.deploy()
    end = time.monotonic() + DEADLINE
    while (status := scene.store.find_status(wish.id)) is None or status.state is not ReplicaState.READY:
        assert time.monotonic() < end
        time.sleep(0.01)
    loop.stop()
    thread.join(DEADLINE)
    assert not thread.is_alive()


def test_the_probes_say_whether_the_loop_turns_and_whether_its_rounds_are_good(scene: Scene) -> None:
    """A stuck reconciler is started anew; one whose database is away is not."""
    scene.meter.count_round(good=True)
    assert scene.meter.is_alive() and scene.meter.is_ready()
    scene.clock.turn(STALE_SECONDS)
    scene.meter.count_round(good=False)
    assert scene.meter.is_alive() and not scene.meter.is_ready()
    scene.clock.turn(STUCK_SECONDS)
    assert not scene.meter.is_alive()


def test_what_it_did_is_counted(scene: Scene) -> None:
    """An operator sees actions and states as metrics, the gateway's part in them included."""
    wish = scene.deploy()
    scene.reconciler.run_round()
    assert 'airgate_deployments{state="Starting"} 1.0' in scene.meter.write_metrics().decode()
    [replica, _] = scene.read(wish).replicas
    scene.store.write_report(make_report(reached={wish.owner: (replica.address,)}))
    scene.reconciler.run_round()
    text = scene.meter.write_metrics().decode()
    assert 'airgate_reconciler_actions_total{action="ApplyWorkload",outcome="applied"} 1.0' in text
    assert 'airgate_deployments{state="Ready"} 1.0' in text
